import { databaseDump } from '../../lib/backends/postgres-dump.mts'
import type { Database } from '../../lib/backends/postgres-facts.mts'
import { defineModule, type Schema, type SettingsOf } from '../../lib/run/module.mts'
import { inEnvironment } from '../../lib/base/names.mts'
import type { Extension } from '../../lib/backends/postgres-extensions.mts'
import { shown } from '../../lib/settings/settings.mts'
import { general, ingress, smtp } from '../../lib/settings/platform.mts'
import { postgres, redis, s3 } from '../../lib/settings/platform-backends.mts'
import { failures } from './failures.mts'
import { settings } from './settings.mts'

export type ChatwootSettings = SettingsOf<typeof chatwoot>

const withoutS3 =
  'Without S3 attachments live in the one web pod: they are lost with it, and Sidekiq cannot read them.'

export const chatwoot = defineModule({
  number: 11,
  slug: 'chatwoot',
  title: 'Chatwoot',
  scope: 'environment',
  shared: [...general, ...ingress, ...postgres, ...redis, ...s3, ...smtp],
  images: ['chatwoot'],
  settings,
  failures,
  notProven: ({ S3_ENDPOINT, BRAND_COLOUR }) => [
    'Mail is sent: no check sends one.',
    'Browsers reach the S3 server: the checks ask from this machine.',
    'NetworkPolicies: none are applied.',
    ...(S3_ENDPOINT === undefined ? [withoutS3] : []),
    ...(BRAND_COLOUR === undefined
      ? []
      : ['The colour is used: it is given to Chatwoot, and no check reads it back.']),
  ],
  schema: (settings): Schema => ({
    database: databaseOf(settings as ChatwootSettings),
    lastMigration: 'select version from schema_migrations order by version desc limit 1',
    ...databaseDump({
      settings,
      database: databaseNameOf(settings.ENV),
      file: 'chatwoot.dump',
      namespace: namespaceOf(settings.ENV),
      beside: [
        `a copy of credentials/${settings.ENV}/11_chatwoot.env: its keys belong to that dump, and so does the bucket`,
      ],
      stopped: '--all',
      started: [['--all', 2]],
    }),
  }),
  stays: ({ ENV, POSTGRES_HOST: host, POSTGRES_PORT: port, CHATWOOT_S3_BUCKET: bucket }) => [
    `PostgreSQL ${shown(host)}:${shown(port)} database and role ${databaseNameOf(ENV)}: conversations, accounts`,
    ...(bucket === undefined ? [] : [`S3 bucket ${shown(bucket)}: attachments`]),
    'the key keybuzz:owner in its Redis database, which keeps other Chatwoots off that server',
  ],
  information: (settings) => [
    ['Open', `https://${shown(settings['CHATWOOT_HOST'])}`],
    [
      'Sign in',
      `${shown(settings['CHATWOOT_ADMIN_EMAIL'])}; password: CHATWOOT_ADMIN_PASSWORD in credentials/${settings.ENV}/11_chatwoot.env`,
    ],
    ['Back up', `the keys in that file, PostgreSQL database ${databaseNameOf(settings.ENV)}, and the bucket`],
    ...(settings['S3_ENDPOINT'] === undefined ? [['Mind', withoutS3] as const] : []),
  ],
})

/** PostgreSQL connections each pod may open: Rails' threads, Sidekiq's concurrency. */
export const pool = { web: 5, worker: 10, job: 5 } as const

export const namespaceOf = (env: string): string => inEnvironment('chatwoot', env, '-')
export const databaseNameOf = (env: string): string => inEnvironment('chatwoot', env, '_')

/** Attachments go there; undefined without S3. */
export const bucketOf = ({ S3_ENDPOINT, CHATWOOT_S3_BUCKET }: ChatwootSettings): string | undefined =>
  S3_ENDPOINT === undefined ? undefined : CHATWOOT_S3_BUCKET

/** Pods at most. Without S3 the files are in one pod: a second one would not have them. */
export const mostOf = (settings: ChatwootSettings, part: 'web' | 'worker'): number => {
  if (bucketOf(settings) === undefined) return 1
  return part === 'web' ? settings.CHATWOOT_WEB_MAX : settings.CHATWOOT_WORKERS_MAX
}

const contrib = () => 'postgresql-contrib'
export const extensions: readonly Extension[] = [
  { name: 'pg_stat_statements', packageFor: contrib },
  { name: 'pg_trgm', packageFor: contrib },
  { name: 'pgcrypto', packageFor: contrib },
  { name: 'vector', packageFor: (version) => `postgresql-${version}-pgvector` },
]

/** The database module 11 owns, for `postgres.ensureDatabase`. */
export const databaseOf = (settings: ChatwootSettings): Database => ({
  name: databaseNameOf(settings.ENV),
  owner: databaseNameOf(settings.ENV),
  password: settings.CHATWOOT_POSTGRES_PASSWORD,
  // One pod more of each: a rolling update starts the new one before the old one ends. And a Job.
  connections:
    (mostOf(settings, 'web') + 1) * pool.web + (mostOf(settings, 'worker') + 1) * pool.worker + pool.job,
  supportedFrom: 15,
  extensions,
})

/** The Redis database module 11 claims, for `redis.require`. */
export const redisOf = (settings: ChatwootSettings) => ({
  database: settings.CHATWOOT_REDIS_DB,
  owner: `${settings.ENV}/11_chatwoot`,
  // Fixed in Chatwoot's config/cable.yml: no database number and no setting keeps two of them apart.
  channels: 'chatwoot_production_action_cable*',
})
