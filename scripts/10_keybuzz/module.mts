import { databaseDump } from '../../lib/backends/postgres-dump.mts'
import { staysInVault } from '../../lib/kube/manifests/delivery.mts'
import { defineModule } from '../../lib/run/module.mts'
import { vaultProblemsWhereUsed } from '../../lib/settings/platform-vault.mts'
import { shown } from '../../lib/settings/settings.mts'
import { backends, databaseOf } from './backends.mts'
import { failures } from './failures.mts'
import { flows } from './flows.mts'
import { deliveryTo, kept, problemsInVault } from './in-vault.mts'
import { configuration, ingress, prerequisites, workload } from './manifests.mts'
import { migrations } from './migration.mts'
import { identity, names, type Images } from './names.mts'
import { own, shared, type KeybuzzSettings } from './settings.mts'

/** The kit does not know how the API records migrations: a hash of tables and columns shows whether they changed. */
const tablesAndColumns = `select 'tables and columns ' || left(md5(coalesce(string_agg(
  table_schema || '.' || table_name || '.' || column_name || ' ' || data_type, ',' order by
  table_schema, table_name, column_name), '')), 12) from information_schema.columns
  where table_schema not in ('pg_catalog', 'information_schema')`

export const keybuzz = defineModule({
  ...identity,
  title: 'KeyBuzz API & Front',
  scope: 'environment',
  shared,
  settings: own,
  validate: (settings: KeybuzzSettings) => [
    ...vaultProblemsWhereUsed(settings),
    ...problemsInVault(settings),
    ...(settings.API_HOST === settings.FRONT_HOST
      ? ['API_HOST and FRONT_HOST are the same name: each needs its own']
      : []),
  ],
  images: ['keybuzz-api', 'keybuzz-front'],
  builtByOperator: true,
  objects: (settings: KeybuzzSettings, images: Images) => ({
    '01_deploy_api': [
      ...prerequisites(settings),
      ...configuration(settings, 'api'),
      ...migrations(settings, images),
      ...workload(settings, images, 'api'),
    ],
    '02_deploy_front': [...configuration(settings, 'front'), ...workload(settings, images, 'front')],
    '03_configure_ingress': ingress(settings),
  }),
  flows,
  secrets: kept,
  backends,
  failures,
  notProven: ({ API_CORS_ORIGINS }: KeybuzzSettings) => [
    'What the API and the front do beyond their health paths: they are yours, and no check knows their routes.',
    ...(API_CORS_ORIGINS === undefined ? ['CORS: none is set.'] : []),
  ],
  schema: (settings: KeybuzzSettings) =>
    settings.API_SCHEMA_TOLERANT
      ? undefined
      : {
          database: databaseOf(settings),
          lastMigration: tablesAndColumns,
          ...databaseDump({
            settings,
            database: databaseOf(settings),
            password: `API_POSTGRES_PASSWORD in credentials/${settings.ENV}/10_keybuzz.env`,
            file: 'keybuzz',
            namespace: names.namespace(settings.ENV),
            stopped: 'keybuzz-api',
            started: [['keybuzz-api', 2]],
          }),
        },
  stays: (settings: KeybuzzSettings) => [
    `PostgreSQL ${shown(settings.POSTGRES_HOST)}:${shown(settings.POSTGRES_PORT)} database and role ${names.database(settings.ENV)}`,
    `the key keybuzz:owner in its Redis database`,
    ...staysInVault(deliveryTo(settings)),
  ],
  information: (settings: KeybuzzSettings) => [
    ['Open', `https://${settings.FRONT_HOST}`],
    ['API', `https://${settings.API_HOST}`],
    ['Back up', `PostgreSQL database ${names.database(settings.ENV)}`],
  ],
})
