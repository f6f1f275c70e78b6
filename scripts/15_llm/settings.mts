import { hexKey, password } from '../../lib/settings/generators.mts'
import type { Setting, SettingsView } from '../../lib/settings/settings.mts'
import { isBetween, isDnsName, isUrl } from '../../lib/settings/validators.mts'
import type { SettingsOf } from '../../lib/run/module.mts'
import { certificateOf, general, ingress } from '../../lib/settings/platform.mts'
import { postgres, redis, registry } from '../../lib/settings/platform-backends.mts'
import { secretsChoice, vaultWhereUsed } from '../../lib/settings/platform-vault.mts'
import { network } from '../../lib/settings/platform-network.mts'
import { problemOfKeys } from './keys.mts'
import { problemOfModels } from './models.mts'
import { problemOfServices } from './services.mts'

const withQdrant = (view: SettingsView): boolean => !view.text('VECTOR_STORE_URL')

/** Settings of module 15 alone, kept in 15_llm.env and the files beside it. */
export const own = [
  {
    key: 'LITELLM_HOST',
    title: 'Public host name',
    kind: 'text',
    default: (view) => view.text('DOMAIN') && `llm.${view.text('DOMAIN')}`,
    validate: isDnsName,
  },
  ...certificateOf('', 'LITELLM_HOST'),
  {
    key: 'MODELS_YML',
    title: 'The models',
    help: 'A YAML file, beside this one: alias, model of the provider, key by name, rpm (README, "The files")',
    kind: 'file',
    validate: problemOfModels,
  },
  {
    key: 'KEYS_ENV',
    title: 'Keys of providers and services',
    help: "A file of KEY='value' lines, beside this one; becomes a Secret. The two YAML files name its keys",
    kind: 'file',
    optional: true,
    validate: problemOfKeys,
  },
  {
    key: 'SERVICES_YML',
    title: 'AI services beside LiteLLM',
    help: 'A YAML file, beside this one: each service becomes a Deployment (README, "The files")',
    kind: 'file',
    optional: true,
    validate: problemOfServices,
  },
  {
    key: 'LITELLM_MASTER_KEY',
    title: 'Master key',
    help: 'Signs in as administrator and makes virtual keys: sk- and at least 32 characters',
    kind: 'sensitive',
    generate: () => `sk-${password(40)}`,
    validate: (value) =>
      /^sk-[A-Za-z0-9_-]{32,96}$/.test(value)
        ? undefined
        : 'must be sk- and 32 to 96 letters, digits, dashes or underscores',
    // No `keep`: with a salt key of its own LiteLLM encrypts nothing by it, and a key that leaked must be replaced.
  },
  {
    key: 'LITELLM_SALT_KEY',
    title: 'Encryption key of stored models and credentials',
    help: 'Without it what was stored in LiteLLM cannot be read again: keep a copy outside this machine',
    kind: 'sensitive',
    generate: () => hexKey(32),
    validate: (value) => (value.length >= 32 ? undefined : 'must have at least 32 characters'),
    keep: true,
  },
  {
    key: 'LITELLM_POSTGRES_PASSWORD',
    title: 'Password of the role llm',
    kind: 'sensitive',
    generate: () => password(),
    validate: (value) =>
      value.includes(' ')
        ? // Python's quote_plus, which LiteLLM escapes by; Prisma reads the + as a plus.
          'must not have a space: LiteLLM writes it as + in an address, which PostgreSQL refuses'
        : undefined,
  },
  {
    key: 'LITELLM_REDIS_DB',
    title: 'Redis database number',
    help: 'One number per application and environment; 0 is used by none',
    kind: 'number',
    default: '10',
    validate: isBetween(0, 63),
  },
  {
    key: 'LITELLM_REPLICAS_MAX',
    title: 'Pods of LiteLLM at most',
    help: 'Two always run; more under load. Each takes 10 PostgreSQL connections',
    kind: 'number',
    default: '4',
    validate: isBetween(2, 50),
  },
  {
    key: 'LITELLM_ADMIN_UI',
    title: 'Publish the admin interface',
    help: 'true: everything of LiteLLM is reached by its public name; false: only its API',
    kind: 'flag',
    default: 'false',
  },
  {
    key: 'VECTOR_STORE_URL',
    title: 'External vector store',
    help: 'Empty: the kit installs Qdrant. Services get this address as QDRANT_URL; http:// outside the cluster is a warning of every report',
    kind: 'text',
    optional: true,
    validate: isUrl,
  },
  {
    key: 'QDRANT_API_KEY',
    title: 'API key of Qdrant',
    kind: 'sensitive',
    generate: () => hexKey(32),
    when: withQdrant,
  },
  {
    key: 'QDRANT_STORAGE',
    title: 'Volume of Qdrant',
    help: 'A Kubernetes quantity. It may grow where the StorageClass allows, and never shrinks',
    kind: 'text',
    default: '10Gi',
    validate: (value) => (/^[1-9]\d*Gi$/.test(value) ? undefined : 'must be a size such as 10Gi'),
    when: withQdrant,
  },
  {
    key: 'QDRANT_STORAGE_CLASS',
    title: 'StorageClass of that volume',
    help: 'Block storage: Qdrant loses data on NFS. Empty: the cluster’s default',
    kind: 'text',
    optional: true,
    when: withQdrant,
  },
  ...secretsChoice,
] as const satisfies readonly Setting[]

/** Settings it shares with other modules. */
export const shared = [
  ...general,
  ...ingress,
  ...postgres,
  ...redis,
  ...registry,
  ...network,
  ...vaultWhereUsed,
] as const

export type LlmSettings = SettingsOf<{ shared: typeof shared; settings: typeof own }>
