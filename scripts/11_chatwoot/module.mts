import { databaseDump } from '../../lib/backends/postgres-dump.mts'
import { staysInVault } from '../../lib/kube/manifests/delivery.mts'
import { bodiesNotLimited } from '../../lib/kube/manifests/ingress.mts'
import { defineModule } from '../../lib/run/module.mts'
import { usesVault, vaultProblemsWhereUsed } from '../../lib/settings/platform-vault.mts'
import { shown } from '../../lib/settings/settings.mts'
import { backends, databaseOf } from './backends.mts'
import { deliveryTo, secrets } from './environment.mts'
import { failures } from './failures.mts'
import { flows } from './flows.mts'
import { jobs } from './jobs.mts'
import { ingress, prerequisites, workload } from './manifests.mts'
import { identity, names } from './names.mts'
import type { Images } from './pods.mts'
import { own, shared, type ChatwootSettings } from './settings.mts'

const withoutS3 =
  'Without S3 attachments live in the one web pod: they are lost with it, and Sidekiq cannot read them.'

export const chatwoot = defineModule({
  ...identity,
  title: 'Chatwoot',
  scope: 'environment',
  shared,
  settings: own,
  images: ['chatwoot'],
  validate: (settings: ChatwootSettings) => [
    ...vaultProblemsWhereUsed(settings),
    ...(settings.CHATWOOT_ROOT && usesVault(settings)
      ? ['CHATWOOT_ROOT and SECRETS=vault exclude each other: no agent of Vault runs as root']
      : []),
  ],
  objects: (settings: ChatwootSettings, images: Images) => ({
    '01_deploy': [...prerequisites(settings), ...jobs(settings, images), ...workload(settings, images)],
    '02_configure_ingress': ingress(settings),
  }),
  flows,
  secrets,
  backends,
  failures,
  notProven: ({ S3_ENDPOINT, BRAND_COLOUR }: ChatwootSettings) => [
    'Mail is sent: no check sends one.',
    bodiesNotLimited('Chatwoot refuses attachments over 40 MB once it has read them.'),
    'Browsers reach the S3 server: the checks ask from this machine.',
    ...(S3_ENDPOINT === undefined ? [withoutS3] : []),
    ...(BRAND_COLOUR === undefined
      ? []
      : ['The colour is used: it is given to Chatwoot, and no check reads it back.']),
  ],
  schema: (settings: ChatwootSettings) => ({
    database: databaseOf(settings),
    lastMigration: 'select version from schema_migrations order by version desc limit 1',
    ...databaseDump({
      settings,
      database: databaseOf(settings),
      password: `CHATWOOT_POSTGRES_PASSWORD in credentials/${settings.ENV}/11_chatwoot.env`,
      file: 'chatwoot',
      namespace: names.namespace(settings.ENV),
      beside: [
        `a copy of credentials/${settings.ENV}/11_chatwoot.env: its keys belong to that dump, and so does the bucket`,
      ],
      stopped: '--all',
      started: [['--all', 2]],
    }),
  }),
  stays: (settings: ChatwootSettings) => [
    `PostgreSQL ${shown(settings.POSTGRES_HOST)}:${shown(settings.POSTGRES_PORT)} database and role ${names.database(settings.ENV)}: conversations, accounts`,
    ...(settings.CHATWOOT_S3_BUCKET === undefined
      ? []
      : [`S3 bucket ${settings.CHATWOOT_S3_BUCKET}: attachments`]),
    'the key keybuzz:owner in its Redis database, which keeps other Chatwoots off that server',
    ...staysInVault(deliveryTo(settings)),
  ],
  information: (settings: ChatwootSettings) => [
    ['Open', `https://${settings.CHATWOOT_HOST}`],
    [
      'Sign in',
      `${settings.CHATWOOT_ADMIN_EMAIL}; password: CHATWOOT_ADMIN_PASSWORD in credentials/${settings.ENV}/11_chatwoot.env`,
    ],
    ['Back up', `the keys in that file, PostgreSQL database ${names.database(settings.ENV)}, and the bucket`],
    ...(settings.S3_ENDPOINT === undefined ? [['Note', withoutS3] as const] : []),
  ],
})
