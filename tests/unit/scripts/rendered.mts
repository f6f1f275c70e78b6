import type { Deployment, Job, Manifest } from '../../../lib/kube/types.mts'
import type { Module } from '../../../lib/run/module.mts'
import { resolve, typed, type Settings } from '../../../lib/settings/settings.mts'
import * as keybuzzManifests from '../../../scripts/10_keybuzz/manifests.mts'
import { migrations } from '../../../scripts/10_keybuzz/migration.mts'
import { keybuzz, type KeybuzzSettings } from '../../../scripts/10_keybuzz/module.mts'
import { prepareJob } from '../../../scripts/11_chatwoot/jobs.mts'
import * as chatwootManifests from '../../../scripts/11_chatwoot/manifests.mts'
import { chatwoot, type ChatwootSettings } from '../../../scripts/11_chatwoot/module.mts'
import * as n8nManifests from '../../../scripts/12_n8n/manifests.mts'
import { n8n, type N8nSettings } from '../../../scripts/12_n8n/module.mts'

// The objects of the modules of an environment, for tests that ask something of all of them.

const hosts = {
  POSTGRES_HOST: 'db.example.com',
  REDIS_HOST: 'redis.example.com',
  RABBITMQ_HOST: 'mq.example.com',
}
const roles = ['API_POSTGRES', 'CHATWOOT_POSTGRES', 'CHATWOOT_ADMIN', 'N8N_POSTGRES', 'N8N_OWNER']
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
]
const saved = {
  ...hosts,
  ...(Object.fromEntries([...passwords, ...keys]) as Record<string, string>),
  DOMAIN: 'example.com',
  OPERATOR_EMAIL: 'ops@example.com',
}

export function settingsOf(module: Module, more: Record<string, string>): Settings {
  const sources = { env: 'staging', given: {}, saved: { ...saved, ...more }, variables: {} }
  return typed('staging', resolve([...module.shared, ...module.settings], sources))
}

/** By the module's word. */
export const rendered: Record<string, (more: Record<string, string>) => Manifest[]> = {
  keybuzz(more) {
    const settings = settingsOf(keybuzz, { API_MIGRATE: 'npm run migrate', ...more }) as KeybuzzSettings
    const images = { 'keybuzz-api': 'api:1', 'keybuzz-front': 'front:1' }
    const { configuration, prerequisites, workload } = keybuzzManifests
    return [
      ...prerequisites(settings),
      ...configuration(settings, 'api'),
      ...migrations(settings, images),
      ...configuration(settings, 'front'),
      ...workload(settings, images, 'api'),
      ...workload(settings, images, 'front'),
    ]
  },
  chatwoot(more) {
    const settings = settingsOf(chatwoot, more) as ChatwootSettings
    const images = { chatwoot: 'chatwoot:1' }
    const { prerequisites, workload } = chatwootManifests
    return [...prerequisites(settings), prepareJob(settings, images), ...workload(settings, images)]
  },
  n8n(more) {
    const settings = settingsOf(n8n, more) as N8nSettings
    const images = { n8n: 'n8n:1', 'n8n-runners': 'runners:1' }
    const { prerequisites, workload } = n8nManifests
    return [
      ...prerequisites(settings),
      ...workload(settings, images, 'main'),
      ...workload(settings, images, 'workers'),
    ]
  },
}

export const podsOf = (manifests: Manifest[]) =>
  manifests.flatMap((one) => (one as Deployment | Job).spec?.template?.spec ?? [])
