import type { ConfigMap, Container, Deployment, Job, Manifest, Secret } from '../../../lib/kube/types.mts'
import type { Module } from '../../../lib/run/module.mts'
import { resolve, typed, type Settings } from '../../../lib/settings/settings.mts'
import { keybuzz } from '../../../scripts/10_keybuzz/module.mts'
import { chatwoot } from '../../../scripts/11_chatwoot/module.mts'
import { n8n } from '../../../scripts/12_n8n/module.mts'
import { superset } from '../../../scripts/13_superset/module.mts'
import { vault } from '../../../scripts/14_vault/module.mts'
import { llm } from '../../../scripts/15_llm/module.mts'

// The objects of the modules of an environment, for tests that ask something of all of them.

const hosts = {
  POSTGRES_HOST: 'db.example.com',
  REDIS_HOST: 'redis.example.com',
  RABBITMQ_HOST: 'mq.example.com',
  VAULT_ADDR: 'https://vault.example.com:8200',
  VAULT_KUBERNETES_URL: 'https://10.0.0.20:6443',
}
const roles = [
  'API_POSTGRES',
  'CHATWOOT_POSTGRES',
  'CHATWOOT_ADMIN',
  'N8N_POSTGRES',
  'N8N_OWNER',
  'SUPERSET_POSTGRES',
  'SUPERSET_ADMIN',
  'LITELLM_POSTGRES',
]
const passwords = ['POSTGRES', 'REDIS', 'RABBITMQ', ...roles].map((one) => [
  `${one}_PASSWORD`,
  'A-password-1',
])
const keys = [
  ...['SECRET_KEY_BASE', 'ENCRYPTION_PRIMARY_KEY', 'ENCRYPTION_DETERMINISTIC_KEY', 'ENCRYPTION_SALT'].map(
    (one) => [`CHATWOOT_${one}`, 'a-key-a-key-a-key'],
  ),
  ['N8N_ENCRYPTION_KEY', 'a-key-a-key'],
  ['N8N_RUNNERS_AUTH_TOKEN', 'a-token-a-token'],
  ['SUPERSET_SECRET_KEY', 'a-key-a-key-a-key-a-key-a-key-a-key'],
  ['SUPERSET_GUEST_TOKEN_SECRET', 'a-token-a-token-1'],
  ['SUPERSET_ASYNC_TOKEN_SECRET', 'a-token-a-token-2'],
  ['LITELLM_MASTER_KEY', `sk-${'a-key-'.repeat(6)}`],
  ['LITELLM_SALT_KEY', 'a-salt-'.repeat(6)],
  ['QDRANT_API_KEY', 'a-qdrant-key'],
]
/** The files of module 15: one model, one service. */
const files = {
  MODELS_YML: 'models:\n  - { alias: gpt, model: openai/gpt, key: OPENAI_API_KEY }\n',
  KEYS_ENV: "OPENAI_API_KEY='a-provider-key'\n",
  SERVICES_YML: `services:
  - name: embedder
    image: registry.example.com/embedder:1.2.0
    port: 8080
    health: /health
    uid: 1000
    replicas: 2
    folders: [/data, /tmp]
    environment: [OPENAI_API_KEY, QDRANT_API_KEY]
    resources: { cpu: 100m, memory: 256Mi, cpuLimit: '1', memoryLimit: 512Mi }
    host: embed.example.com
`,
}
const saved = {
  ...hosts,
  ...files,
  ...(Object.fromEntries([...passwords, ...keys]) as Record<string, string>),
  DOMAIN: 'example.com',
  OPERATOR_EMAIL: 'ops@example.com',
}

export function settingsOf(module: Module, more: Record<string, string>): Settings {
  const sources = { env: 'staging', overrides: {}, saved: { ...saved, ...more }, variables: {} }
  return typed('staging', resolve([...module.shared, ...module.settings], sources))
}

/** The modules of an environment, by their slug. */
export const applications: Readonly<Record<string, Module>> = { keybuzz, chatwoot, n8n, superset, llm }

/** These, and the one of the whole cluster that makes objects alone. */
export const all: Readonly<Record<string, Module>> = { ...applications, vault }

/** Every object a module declares, by the module's word. */
export const rendered: Readonly<Record<string, (more: Record<string, string>) => Manifest[]>> =
  Object.fromEntries(
    Object.entries(all).map(([word, module]) => {
      const images = Object.fromEntries(module.images.map((name) => [name, `${name}:1`]))
      return [
        word,
        (more: Record<string, string>) =>
          Object.values(
            module.objects(settingsOf(module, { API_MIGRATE: 'npm run migrate', ...more }), images, {}),
          ).flat(),
      ]
    }),
  )

export const podsOf = (manifests: Manifest[]) =>
  manifests.flatMap((one) => (one as Deployment | Job).spec?.template?.spec ?? [])

/** What a container's environment comes to, ConfigMaps and Secrets read. */
export function environmentOf(
  { env = [], envFrom = [] }: Container,
  manifests: Manifest[],
): Record<string, string> {
  const find = <T extends Manifest>(kind: string, name = '') =>
    manifests.find((one) => one.kind === kind && one.metadata?.name === name) as T | undefined
  const clear = (text = '') => Buffer.from(text, 'base64').toString()
  return Object.fromEntries([
    ...envFrom.flatMap((one) =>
      Object.entries(find<ConfigMap>('ConfigMap', one.configMapRef?.name)?.data ?? {}),
    ),
    ...env.map(({ name, value, valueFrom }) => {
      const { name: secret, key = '' } = valueFrom?.secretKeyRef ?? {}
      return [name, value ?? clear(find<Secret>('Secret', secret)?.data?.[key])]
    }),
  ]) as Record<string, string>
}
