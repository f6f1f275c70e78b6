import { databaseDump } from '../../lib/backends/postgres-dump.mts'
import { staysInVault } from '../../lib/kube/manifests/delivery.mts'
import { bodiesNotLimited } from '../../lib/kube/manifests/ingress.mts'
import { defineModule } from '../../lib/run/module.mts'
import { vaultProblemsWhereUsed } from '../../lib/settings/platform-vault.mts'
import { shown } from '../../lib/settings/settings.mts'
import { backends, databaseOf } from './backends.mts'
import { deliveryTo, secrets } from './environment.mts'
import { failures } from './failures.mts'
import { flows } from './flows.mts'
import { jobs } from './jobs.mts'
import { ingress, prerequisites, workload } from './manifests.mts'
import { identity, names } from './names.mts'
import type { Images } from './pods.mts'
import { own, shared, type SupersetSettings } from './settings.mts'

/** Where the dump is made and looked for, from the kit's folder and without its ending. */
const dumpFile = ({ ENV }: SupersetSettings): string => `credentials/${ENV}/superset`

export const superset = defineModule({
  ...identity,
  title: 'Superset',
  scope: 'environment',
  shared,
  settings: own,
  images: ['superset'],
  // With the PostgreSQL driver, which the public image lacks: the preflight tests for it.
  builtByOperator: true,
  validate: (settings: SupersetSettings) => [
    ...vaultProblemsWhereUsed(settings),
    ...(settings.SUPERSET_REPORTS && settings.SMTP_HOST === undefined
      ? ['SUPERSET_REPORTS is true and SMTP_HOST is empty: reports are sent by mail']
      : []),
  ],
  objects: (settings: SupersetSettings, images: Images) => ({
    '01_deploy': [...prerequisites(settings), ...jobs(settings, images), ...workload(settings, images)],
    '02_configure_ingress': ingress(settings),
  }),
  flows,
  secrets,
  backends,
  failures,
  notProven: ({ SUPERSET_REPORTS }: SupersetSettings) => [
    'Mail is sent: no check sends one.',
    bodiesNotLimited('Superset has no limit of its own.'),
    'Databases you connect Superset to: the checks query its own only.',
    '/version tells the version to everybody: Superset has no setting for it.',
    ...(SUPERSET_REPORTS ? ['Pictures in reports: no check takes one.'] : []),
  ],
  schema: (settings: SupersetSettings) => ({
    database: databaseOf(settings),
    dump: `${dumpFile(settings)}.dump`,
    lastMigration: "select string_agg(version_num, ' ' order by version_num) from alembic_version",
    ...databaseDump({
      settings,
      database: databaseOf(settings),
      password: `SUPERSET_POSTGRES_PASSWORD in credentials/${settings.ENV}/13_superset.env`,
      file: dumpFile(settings),
      namespace: names.namespace(settings.ENV),
      beside: [
        `test -s ${dumpFile(settings)}.dump   # an empty file is no backup: do not go on`,
        `a copy of credentials/${settings.ENV}/13_superset.env: SUPERSET_SECRET_KEY belongs to that dump`,
      ],
      stopped: '--all',
      started: [
        ['superset superset-worker', 2],
        ['superset-beat', 1],
      ],
    }),
  }),
  stays: (settings: SupersetSettings) => [
    `PostgreSQL ${shown(settings.POSTGRES_HOST)}:${shown(settings.POSTGRES_PORT)} database and role ${names.database(settings.ENV)}: dashboards, users, stored connections`,
    `the key keybuzz:owner in its Redis database`,
    'SUPERSET_SECRET_KEY in 13_superset.env, without which that database cannot be read, and your dumps',
    ...staysInVault(deliveryTo(settings)),
  ],
  information: (settings: SupersetSettings) => [
    ['Open', `https://${settings.SUPERSET_HOST}`],
    [
      'Sign in',
      `${settings.SUPERSET_ADMIN_USERNAME}; password: SUPERSET_ADMIN_PASSWORD in credentials/${settings.ENV}/13_superset.env`,
    ],
    ['Back up', `SUPERSET_SECRET_KEY in that file, and PostgreSQL database ${names.database(settings.ENV)}`],
  ],
})
