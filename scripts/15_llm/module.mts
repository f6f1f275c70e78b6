import { certificateProblem } from '../../lib/base/certificate.mts'
import { databaseDump } from '../../lib/backends/postgres-dump.mts'
import { fileNameOf, staysInVault } from '../../lib/kube/manifests/delivery.mts'
import { mostFileName } from '../../lib/kube/manifests/injection.mts'
import { bodiesNotLimited } from '../../lib/kube/manifests/ingress.mts'
import { defineModule } from '../../lib/run/module.mts'
import { usesVault, vaultProblemsWhereUsed } from '../../lib/settings/platform-vault.mts'
import { shown } from '../../lib/settings/settings.mts'
import { backends, databaseOf } from './backends.mts'
import { deliveryTo, kept } from './environment.mts'
import { failures } from './failures.mts'
import { flows } from './flows.mts'
import { inClear } from './in-clear.mts'
import { jobs } from './jobs.mts'
import { keysOf } from './keys.mts'
import { aiServices, hasQdrant, qdrantClaim, servicesOf, sizedBy } from './manifests-services.mts'
import { ingress, prerequisites, workload } from './manifests.mts'
import { identity, names, type Images } from './names.mts'
import { own, shared, type LlmSettings } from './settings.mts'

const snapshot = (ENV: string): string =>
  `Qdrant by its API, never its folder: kubectl --namespace ${names.namespace(ENV)} port-forward service/qdrant 6333, then GET /collections, and POST /snapshots below each of them`

/** Where the dump is made and looked for, from the kit's folder and without its ending. */
const dumpFile = ({ ENV }: LlmSettings): string => `credentials/${ENV}/llm`

export const llm = defineModule({
  ...identity,
  title: 'LiteLLM & AI services',
  scope: 'environment',
  shared,
  settings: own,
  images: ['litellm', 'qdrant'],
  validate: (settings: LlmSettings) => [
    ...(settings.LITELLM_MASTER_KEY.reveal() === settings.LITELLM_SALT_KEY.reveal()
      ? ['LITELLM_MASTER_KEY and LITELLM_SALT_KEY are the same: each needs its own']
      : []),
    ...certificateProblems(settings),
    ...vaultProblemsWhereUsed(settings),
    ...fileProblems(settings),
  ],
  objects: (settings: LlmSettings, images: Images) => ({
    '01_deploy_litellm': [
      ...prerequisites(settings),
      ...jobs(settings, images),
      ...workload(settings, images),
    ],
    '02_deploy_services': aiServices(settings, images),
    '03_configure_ingress': ingress(settings),
  }),
  flows,
  secrets: kept,
  volumes: (settings: LlmSettings) =>
    hasQdrant(settings)
      ? [
          {
            namespace: names.namespace(settings.ENV),
            claim: qdrantClaim,
            setting: 'QDRANT_STORAGE',
            size: settings.QDRANT_STORAGE,
            textOf: (gib: number) => `${gib}Gi`,
          },
        ]
      : [],
  backends,
  inClear,
  sizedBy,
  failures,
  notProven: (settings: LlmSettings) => [
    'The providers answer: a request to them costs money, and no check sends one.',
    'The signature of the images was not verified: versions.json says which kind LiteLLM has, the README how to verify it.',
    bodiesNotLimited('No limit of LiteLLM itself is set.'),
    'What the AI services do beyond their health paths: they are yours.',
    ...(hasQdrant(settings)
      ? []
      : ['The external vector store answers: the services ask it, no check does.']),
    ...servicesOf(settings).flatMap(({ name, image }) =>
      image.includes('@sha256:')
        ? []
        : [`The image of ${name} is named by a tag: its registry may change what it is.`],
    ),
  ],
  schema: (settings: LlmSettings) => ({
    database: databaseOf(settings),
    dump: `${dumpFile(settings)}.dump`,
    lastMigration:
      'select migration_name from _prisma_migrations where finished_at is not null order by finished_at desc, migration_name desc limit 1',
    ...databaseDump({
      settings,
      database: databaseOf(settings),
      password: `LITELLM_POSTGRES_PASSWORD in credentials/${settings.ENV}/15_llm.env`,
      file: dumpFile(settings),
      namespace: names.namespace(settings.ENV),
      beside: [
        `test -s ${dumpFile(settings)}.dump   # an empty file is no backup: do not go on`,
        `a copy of credentials/${settings.ENV}/15_llm.env: LITELLM_SALT_KEY belongs to that dump`,
        ...(hasQdrant(settings) ? [snapshot(settings.ENV)] : []),
      ],
      stopped: 'litellm',
      started: [['litellm', 2]],
    }),
  }),
  stays: (settings: LlmSettings) => [
    `PostgreSQL ${shown(settings.POSTGRES_HOST)}:${shown(settings.POSTGRES_PORT)} database and role ${names.database(settings.ENV)}: virtual keys, spend, stored models`,
    ...(hasQdrant(settings)
      ? [`volume claim ${qdrantClaim} in ${names.namespace(settings.ENV)}: every vector of Qdrant`]
      : []),
    'the key keybuzz:owner in its Redis database',
    'LITELLM_SALT_KEY in 15_llm.env, without which what is stored there cannot be read, and your dumps',
    ...staysInVault(deliveryTo(settings)),
  ],
  information: (settings: LlmSettings) => [
    ['API', `https://${settings.LITELLM_HOST}/v1`],
    [
      settings.LITELLM_ADMIN_UI ? 'Sign in' : 'Administer',
      `${settings.LITELLM_ADMIN_UI ? `https://${settings.LITELLM_HOST}/ui, user admin; ` : ''}LITELLM_MASTER_KEY in credentials/${settings.ENV}/15_llm.env`,
    ],
    ...servicesOf(settings).flatMap(({ name, host }) =>
      host === undefined ? [] : [[name, `https://${host}`] as const],
    ),
    [
      'Back up',
      `the two keys in that file, PostgreSQL database ${names.database(settings.ENV)}${hasQdrant(settings) ? ', and a snapshot of Qdrant' : ''}`,
    ],
  ],
})

/** What is wrong with the certificate, which must be valid for every public name of this module. */
function certificateProblems(settings: LlmSettings): string[] {
  if (settings.TLS_MODE !== 'files') return []
  return servicesOf(settings).flatMap(({ name, host }) => {
    const problem = host === undefined ? undefined : certificateProblem(settings.TLS_CRT.reveal(), host)
    return problem === undefined ? [] : [`TLS_CRT must be for ${host} too, the host of ${name}: ${problem}`]
  })
}

/** What of the operator's own files cannot be had from Vault. @throws KitError exit 2, see keysOf and servicesOf */
function fileProblems(settings: LlmSettings): string[] {
  if (!usesVault(settings)) return []
  return [
    ...Object.keys(keysOf(settings)).flatMap((key) =>
      fileNameOf(key).length > mostFileName
        ? [
            `${key} in KEYS_ENV has more than ${mostFileName} characters, the most that a file of Vault may have`,
          ]
        : [],
    ),
    ...servicesOf(settings).flatMap(({ name, root, environment = [] }) =>
      root === true && environment.length > 0
        ? [
            `service ${name} runs as root and reads keys: with SECRETS=vault that is not possible, as no agent of Vault runs as root`,
          ]
        : [],
    ),
  ]
}
