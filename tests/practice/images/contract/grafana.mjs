// What module 9 gives Grafana, and what it asks of it: its account, whose first password stays in a file of its volume.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail } from './server.mjs'
import { serve } from './serve.mjs'

function run({ env, version }) {
  const file = join(env.GF_PATHS_DATA, 'practice-password')
  try {
    if (!existsSync(file)) writeFileSync(file, env.GF_SECURITY_ADMIN_PASSWORD)
  } catch (error) {
    fail(`GF_PATHS_DATA='${env.GF_PATHS_DATA}' is not writable: ${error.message}`)
  }
  const refused = { status: 401, json: { message: 'Invalid username or password' } }
  serve({
    port: 3000,
    routes: {
      'GET /api/health': () => ({ json: { database: 'ok', version } }),
      'GET /login': () => ({ text: '<title>Grafana, a stand-in</title>' }),
      'POST /login': ({ body }) =>
        body.user === env.GF_SECURITY_ADMIN_USER && body.password === readFileSync(file, 'utf8')
          ? { json: { message: 'Logged in' } }
          : refused,
      'GET /metrics': () => ({
        headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
        text: `# TYPE grafana_build_info gauge\ngrafana_build_info{version="${version}"} 1\n`,
      }),
    },
  })
}

export const app = {
  title: 'Grafana, without dashboards,',
  required: { exact: {}, names: ['GF_SECURITY_ADMIN_USER', 'GF_SECURITY_ADMIN_PASSWORD', 'GF_PATHS_DATA'] },
  backends: () => ({}),
  says: {},
  commands: [[/^$/, run]],
}
