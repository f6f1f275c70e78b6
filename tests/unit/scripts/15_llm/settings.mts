import { resolve, typed, type RawValues } from '../../../../lib/settings/settings.mts'
import { llm } from '../../../../scripts/15_llm/module.mts'
import type { LlmSettings } from '../../../../scripts/15_llm/settings.mts'

// Settings of module 15, as its tests begin with them.

export const models = `models:
  - alias: gpt-4o
    model: openai/gpt-4o
    key: OPENAI_API_KEY
    rpm: 600
  - alias: local
    model: openai/qwen
    base: http://vllm:8000/v1
`
export const keys = "OPENAI_API_KEY='provider-key-of-the-tests'\nHF_TOKEN='token-of-the-tests'\n"
export const services = `services:
  - name: embedder
    image: registry.example.com/embedder:1.9.4
    port: 8080
    health: /health
    uid: 1000
    resources: { cpu: 500m, memory: 1Gi, cpuLimit: '2', memoryLimit: 2Gi }
    environment: [HF_TOKEN, QDRANT_API_KEY]
    folders: [/data]
    replicas: 2
    host: embed.example.com
`

export const saved: RawValues = {
  DOMAIN: 'staging.example.com',
  OPERATOR_EMAIL: 'ops@example.com',
  POSTGRES_HOST: '192.0.2.10',
  POSTGRES_PASSWORD: 'superuser-password',
  REDIS_HOST: '192.0.2.11',
  REDIS_PASSWORD: 'redis-password',
  LITELLM_MASTER_KEY: `sk-${'master-'.repeat(6)}`,
  LITELLM_SALT_KEY: 'salt-key-of-the-tests-0123456789-abc',
  LITELLM_POSTGRES_PASSWORD: 'role-password',
  QDRANT_API_KEY: 'qdrant-key-of-the-tests',
  MODELS_YML: models,
  KEYS_ENV: keys,
}

export const settingsFor = (more: RawValues = {}, env = 'staging'): LlmSettings => {
  const sources = { env, overrides: {}, saved: { ...saved, ...more }, variables: {} }
  return typed(env, resolve([...llm.shared, ...llm.settings], sources)) as LlmSettings
}
