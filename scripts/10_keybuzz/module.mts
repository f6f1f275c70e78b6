import { databaseDump } from '../../lib/backends/postgres-dump.mts'
import type { Database } from '../../lib/backends/postgres-facts.mts'
import { defineModule, type Schema, type SettingsOf } from '../../lib/run/module.mts'
import { inEnvironment } from '../../lib/base/names.mts'
import { shown } from '../../lib/settings/settings.mts'
import { general, ingress } from '../../lib/settings/platform.mts'
import { postgres, rabbitmq, redis, registry } from '../../lib/settings/platform-backends.mts'
import { failures } from './failures.mts'
import { settings } from './settings.mts'

export type KeybuzzSettings = SettingsOf<typeof keybuzz>

export const keybuzz = defineModule({
  number: 10,
  slug: 'keybuzz',
  title: 'KeyBuzz API & Front',
  scope: 'environment',
  shared: [...general, ...ingress, ...postgres, ...redis, ...rabbitmq, ...registry],
  images: ['keybuzz-api', 'keybuzz-front'],
  notProven: ({ API_CORS_ORIGINS }) => [
    'What the API and the front do beyond their health paths: they are yours, and no check knows their routes.',
    'NetworkPolicies: none are applied.',
    ...(API_CORS_ORIGINS === undefined ? ['CORS: none is set.'] : []),
  ],
  validate: ({ API_HOST, FRONT_HOST }) =>
    API_HOST === FRONT_HOST ? ['API_HOST and FRONT_HOST are the same name: each needs its own'] : [],
  settings,
  failures,
  schema: (settings): Schema | undefined =>
    settings['API_SCHEMA_TOLERANT'] === true
      ? undefined
      : {
          database: databaseOf(settings as KeybuzzSettings),
          // How this API counts its migrations is its own: the tables themselves say whether they have changed.
          lastMigration: `select 'tables and columns ' || left(md5(coalesce(string_agg(
            table_schema || '.' || table_name || '.' || column_name || ' ' || data_type, ',' order by
            table_schema, table_name, column_name), '')), 12) from information_schema.columns
            where table_schema not in ('pg_catalog', 'information_schema')`,
          ...databaseDump({
            settings,
            database: databaseNameOf(settings.ENV),
            file: 'keybuzz.dump',
            namespace: namespaceOf(settings.ENV),
            stopped: 'keybuzz-api',
            started: [['keybuzz-api', 2]],
          }),
        },
  stays: ({ ENV, POSTGRES_HOST: host, POSTGRES_PORT: port }) => [
    `PostgreSQL ${shown(host)}:${shown(port)} database and role ${databaseNameOf(ENV)}`,
    `the key keybuzz:owner in its Redis database`,
  ],
  information: (settings) => [
    ['Open', `https://${shown(settings['FRONT_HOST'])}`],
    ['API', `https://${shown(settings['API_HOST'])}`],
    ['Back up', `PostgreSQL database ${databaseNameOf(settings.ENV)}`],
  ],
})

export const namespaceOf = (env: string): string => inEnvironment('keybuzz', env, '-')
export const databaseNameOf = (env: string): string => inEnvironment('keybuzz', env, '_')

/** The database the API owns, for `postgres.ensureDatabase`. */
export const databaseOf = (settings: KeybuzzSettings): Database => ({
  name: databaseNameOf(settings.ENV),
  owner: databaseNameOf(settings.ENV),
  password: settings.API_POSTGRES_PASSWORD,
  // One pod more than the most: a rolling update starts the new one before the old one ends.
  connections: (settings.API_REPLICAS_MAX + 1) * settings.API_POOL,
  supportedFrom: 12,
})

/** The Redis database the API claims, for `redis.require`. */
export const redisOf = (settings: KeybuzzSettings) => ({
  database: settings.API_REDIS_DB,
  owner: `${settings.ENV}/10_keybuzz`,
})
