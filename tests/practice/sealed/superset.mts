import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { strictlyPercent } from '../../../lib/base/sensitive.mts'
import { createOnce } from '../../../lib/checks/checks.mts'
import { databaseOf } from '../../../scripts/13_superset/backends.mts'
import { checks } from '../../../scripts/13_superset/checks.mts'
import { withConnection } from '../../../scripts/13_superset/connection.mts'
import { port } from '../../../scripts/13_superset/environment.mts'
import { failures } from '../../../scripts/13_superset/failures.mts'
import { superset } from '../../../scripts/13_superset/module.mts'
import { askServed, cookiesOf, signIn } from '../../../scripts/13_superset/session.mts'
import type { SupersetSettings } from '../../../scripts/13_superset/settings.mts'
import { addressOf, awkwardPassword, lay, settingsOf, templateOf } from './lay.mts'
import { answer } from './words.mts'

// The real Superset, by the kit's own objects. See superset-real.bats.

const settings = settingsOf(superset, {
  SUPERSET_ADMIN_PASSWORD: awkwardPassword('admin '),
  SUPERSET_POSTGRES_PASSWORD: `role % @:/#?&=+"'$x`,
  SUPERSET_SECRET_KEY: 'a-key-of-the-tests-a-key-of-the-tests-a-key-of-the-tests',
  SUPERSET_GUEST_TOKEN_SECRET: 'a-guest-token-of-the-tests',
  SUPERSET_ASYNC_TOKEN_SECRET: 'an-async-token-of-the-tests',
}) as SupersetSettings
const manifests = Object.values(superset.objects(settings, { superset: 'superset' })).flat()

/** Whoever of the pods is not the user of the image is refused by the preflight. */
const users = { superset: settings.SUPERSET_UID }

const pods = [
  { name: 'preflight', last: 41, ...templateOf(manifests, 'Job', /-preflight-/) },
  { name: 'migrate', last: 42, ...templateOf(manifests, 'Job', /-migrate-/) },
  { name: 'web-1', last: 11, ...templateOf(manifests, 'Deployment', /^superset$/) },
  { name: 'web-2', last: 12, ...templateOf(manifests, 'Deployment', /^superset$/) },
  { name: 'worker-1', last: 21, ...templateOf(manifests, 'Deployment', /-worker$/) },
  { name: 'beat-1', last: 31, ...templateOf(manifests, 'Deployment', /-beat$/) },
]

await answer<SupersetSettings>({
  settings,
  manifests,
  needs: { postgres: databaseOf(settings), redis: superset.backends?.(settings).redis },
  checks,
  failures: failures(settings),
  lay: (venv) => pods.forEach((one) => lay(manifests, venv, { ...one, users })),
  targets: () => [11, 12].map((last) => `${addressOf(last)}:${port}`),
  more: {
    /** Stores a connection that no check deletes, with a password encrypted by the key of the pods that are served. */
    async keep(tools) {
      const api = await signIn({ ...tools, once: createOnce() })
      const { POSTGRES_HOST, POSTGRES_PORT, SUPERSET_POSTGRES_PASSWORD: password } = settings
      const { name, owner } = databaseOf(settings)
      const sqlalchemy_uri = `postgresql+psycopg2://${owner}:${strictlyPercent(password.reveal())}@${POSTGRES_HOST}:${POSTGRES_PORT}/${name}`
      const json = { database_name: 'kept', sqlalchemy_uri }
      const { status } = await api.ask('/api/v1/database/', { method: 'POST', json })
      console.log(`stored ${status}`)
    },
    /** Four times eight sign-ins at once, each time four to a web process: fewer than each allows in a second. */
    async guess(tools) {
      const { SUPERSET_HOST: host } = settings
      const page = await askServed({ ...tools, once: createOnce() }, '/login/')
      const [, crumb = ''] = /name="csrf_token"[^>]*value="([^"]+)"/.exec(page.text) ?? []
      const form = { username: 'nobody', password: 'a-wrong-password', csrf_token: crumb }
      const headers = {
        cookie: cookiesOf(page),
        origin: `https://${host}`,
        referer: `https://${host}/login/`,
      }
      for (let times = 0; times < 4; times += 1) {
        const asked = Array.from({ length: 8 }, () =>
          tools.http.ask(host, '/login/', { method: 'POST', form, headers, timeoutSeconds: 60 }),
        )
        for (const { status } of await Promise.all(asked)) console.log(`answered ${status}`)
        await pause(2000)
      }
    },
    /** A request that takes seconds is in flight in web-1 while that pod is told to end. */
    async drain(tools) {
      const one = { ...tools, once: createOnce() }
      await withConnection(one, async (api, { id }) => {
        // Superset refuses pg_sleep; this takes 8 s on any machine. One of the two goes to web-1.
        const sql = `WITH RECURSIVE steps (n) AS (
          SELECT 1 UNION ALL
          SELECT n + 1 FROM steps, LATERAL (SELECT count(*) FROM generate_series(1, 10000 + n % 2)) AS work
          WHERE clock_timestamp() < now() + interval '8 seconds'
        ) SELECT count(*) FROM steps`
        const asked = [1, 2].map((number) => {
          const json = { database_id: id, sql, client_id: `drain-${number}`, runAsync: false }
          return api.ask('/api/v1/sqllab/execute/', { method: 'POST', json, timeoutSeconds: 90 })
        })
        await pause(2000)
        spawn(join(import.meta.dirname, 'pod'), ['stop', 'web-1'], { stdio: 'inherit' })
        for (const { status } of await Promise.all(asked)) console.log(`answered ${status}`)
      })
    },
  },
})
