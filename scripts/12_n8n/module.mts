import { databaseDump } from '../../lib/backends/postgres-dump.mts'
import { staysInVault } from '../../lib/kube/manifests/delivery.mts'
import { bodiesNotLimited } from '../../lib/kube/manifests/ingress.mts'
import { defineModule } from '../../lib/run/module.mts'
import { isByAddress } from '../../lib/settings/backend-tls.mts'
import { vaultProblemsWhereUsed } from '../../lib/settings/platform-vault.mts'
import { shown } from '../../lib/settings/settings.mts'
import { backends, databaseOf } from './backends.mts'
import { deliveryTo, kept } from './environment.mts'
import { failures } from './failures.mts'
import { flows } from './flows.mts'
import { ingress, prerequisites, workload } from './manifests.mts'
import { identity, names } from './names.mts'
import type { Images } from './pods.mts'
import { own, shared, type N8nSettings } from './settings.mts'

export const n8n = defineModule({
  ...identity,
  title: 'n8n workflows',
  scope: 'environment',
  shared,
  settings: own,
  images: ['n8n', 'n8n-runners'],
  validate: (settings: N8nSettings) => [
    ...vaultProblemsWhereUsed(settings),
    ...(settings.POSTGRES_TLS === 'verify' && isByAddress(settings, 'POSTGRES')
      ? [
          'POSTGRES_HOST must be a name while POSTGRES_TLS is verify: n8n compares the certificate with "localhost" when it is an address',
        ]
      : []),
  ],
  objects: (settings: N8nSettings, images: Images) => ({
    '01_deploy': [
      ...prerequisites(settings),
      ...workload(settings, images, 'main'),
      ...workload(settings, images, 'workers'),
    ],
    '02_configure_ingress': ingress(settings),
  }),
  flows,
  secrets: kept,
  backends,
  failures,
  notProven: () => [
    'Mail is sent: no check sends one.',
    bodiesNotLimited('n8n reads 16 MiB of a body, and 200 MiB of a file in a form.'),
  ],
  schema: (settings: N8nSettings) => ({
    database: databaseOf(settings),
    lastMigration: 'select name from migrations order by id desc limit 1',
    ...databaseDump({
      settings,
      database: databaseOf(settings),
      password: `N8N_POSTGRES_PASSWORD in credentials/${settings.ENV}/12_n8n.env`,
      file: 'n8n',
      namespace: names.namespace(settings.ENV),
      beside: [`a copy of credentials/${settings.ENV}/12_n8n.env: N8N_ENCRYPTION_KEY belongs to that dump`],
      stopped: '--all',
      started: [
        ['n8n n8n-mcp', 1],
        ['n8n-webhook n8n-worker', 2],
      ],
    }),
  }),
  stays: (settings: N8nSettings) => [
    `PostgreSQL ${shown(settings.POSTGRES_HOST)}:${shown(settings.POSTGRES_PORT)} database and role ${names.database(settings.ENV)}: workflows, stored credentials, executions`,
    `the key keybuzz:owner in its Redis database`,
    ...staysInVault(deliveryTo(settings)),
  ],
  information: (settings: N8nSettings) => [
    ['Open', `https://${settings.N8N_HOST}`],
    [
      'Sign in',
      `${settings.N8N_OWNER_EMAIL}; password: N8N_OWNER_PASSWORD in credentials/${settings.ENV}/12_n8n.env`,
    ],
    ['Back up', `N8N_ENCRYPTION_KEY in that file, and PostgreSQL database ${names.database(settings.ENV)}`],
  ],
})
