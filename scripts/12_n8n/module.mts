import { databaseDump } from '../../lib/backends/postgres-dump.mts'
import type { Database } from '../../lib/backends/postgres-facts.mts'
import { defineModule, type Schema, type SettingsOf } from '../../lib/run/module.mts'
import { inEnvironment } from '../../lib/base/names.mts'
import { isByAddress } from '../../lib/settings/backend-tls.mts'
import { shown } from '../../lib/settings/settings.mts'
import { general, ingress, smtp } from '../../lib/settings/platform.mts'
import { postgres, redis } from '../../lib/settings/platform-backends.mts'
import { failures } from './failures.mts'
import { ownerPasswordHash } from './owner.mts'
import { ownSettings } from './settings.mts'

export type N8nSettings = SettingsOf<typeof n8n>

export const n8n = defineModule({
  number: 12,
  slug: 'n8n',
  title: 'n8n workflows',
  scope: 'environment',
  shared: [...general, ...ingress, ...postgres, ...redis, ...smtp],
  images: ['n8n', 'n8n-runners'],
  notProven: () => ['Mail is sent: no check sends one.', 'NetworkPolicies: none are applied.'],
  settings: ownSettings,
  validate: (settings) =>
    settings['POSTGRES_TLS'] === 'verify' && isByAddress(settings, 'POSTGRES')
      ? [
          'POSTGRES_HOST must be a name while POSTGRES_TLS is verify: n8n compares the certificate with "localhost" when it is an address',
        ]
      : [],
  failures,
  ahead: (settings) => void ownerPasswordHash(settings as N8nSettings).reveal(),
  schema: (settings): Schema => ({
    database: databaseOf(settings as N8nSettings),
    lastMigration: 'select name from migrations order by id desc limit 1',
    ...databaseDump({
      settings,
      database: databaseNameOf(settings.ENV),
      file: 'n8n.dump',
      namespace: namespaceOf(settings.ENV),
      beside: [`a copy of credentials/${settings.ENV}/12_n8n.env: N8N_ENCRYPTION_KEY belongs to that dump`],
      stopped: '--all',
      started: [
        ['n8n', 1],
        ['n8n-webhook n8n-worker', 2],
      ],
    }),
  }),
  stays: ({ ENV, POSTGRES_HOST: host, POSTGRES_PORT: port }) => [
    `PostgreSQL ${shown(host)}:${shown(port)} database and role ${databaseNameOf(ENV)}: workflows, stored credentials, executions`,
    `the key keybuzz:owner in its Redis database`,
  ],
  information: (settings) => [
    ['Open', `https://${shown(settings['N8N_HOST'])}`],
    [
      'Sign in',
      `${shown(settings['N8N_OWNER_EMAIL'])}; password: N8N_OWNER_PASSWORD in credentials/${settings.ENV}/12_n8n.env`,
    ],
    ['Back up', `N8N_ENCRYPTION_KEY in that file, and PostgreSQL database ${databaseNameOf(settings.ENV)}`],
  ],
})

/** PostgreSQL connections each pod may open: n8n's pool size a process. */
export const pool = { main: 4, webhook: 2, worker: 4 } as const

export const namespaceOf = (env: string): string => inEnvironment('n8n', env, '-')
export const databaseNameOf = (env: string): string => inEnvironment('n8n', env, '_')

/** The database module 12 owns, for `postgres.ensureDatabase`. */
export const databaseOf = (settings: N8nSettings): Database => ({
  name: databaseNameOf(settings.ENV),
  owner: databaseNameOf(settings.ENV),
  password: settings.N8N_POSTGRES_PASSWORD,
  // One pod more of each but main, which is recreated: a rolling update starts the new one before the old one ends.
  connections:
    pool.main + (settings.N8N_WEBHOOKS_MAX + 1) * pool.webhook + (settings.N8N_WORKERS_MAX + 1) * pool.worker,
  // n8n's own policy: 17 and newer supported, 16 on compatibility, older only a warning in its log.
  supportedFrom: 16,
})

/** The Redis database module 12 claims, for `redis.require`. */
export const redisOf = (settings: N8nSettings) => ({
  database: settings.N8N_REDIS_DB,
  owner: `${settings.ENV}/12_n8n`,
})
