import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createOnce } from '../../../lib/checks/checks.mts'
import { databaseOf } from '../../../scripts/13_superset/backends.mts'
import { checks } from '../../../scripts/13_superset/checks.mts'
import { withConnection } from '../../../scripts/13_superset/connection.mts'
import { port } from '../../../scripts/13_superset/environment.mts'
import { superset } from '../../../scripts/13_superset/module.mts'
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
  lay: (venv) => pods.forEach((one) => lay(manifests, venv, { ...one, users })),
  targets: () => [11, 12].map((last) => `${addressOf(last)}:${port}`),
  more: {
    /** A request that takes seconds is in flight in web-1 while that pod is told to end. */
    async drain(tools) {
      const one = { ...tools, once: createOnce() }
      await withConnection(one, async (api, { id }) => {
        // Superset refuses pg_sleep. One of the two goes to web-1.
        const sql = 'SELECT count(*) FROM generate_series(1, 8000) a, generate_series(1, 8000) b'
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
