import { checks } from '../../../scripts/15_llm/checks.mts'
import { failures } from '../../../scripts/15_llm/failures.mts'
import { llm } from '../../../scripts/15_llm/module.mts'
import { proxyPort } from '../../../scripts/15_llm/names.mts'
import type { LlmSettings } from '../../../scripts/15_llm/settings.mts'
import { addressOf, awkwardPassword, lay, settingsOf, templateOf } from './lay.mts'
import { answer } from './words.mts'

// The real LiteLLM, by the kit's own objects and without a database: Prisma's query engine is in no package. See
// litellm-real.bats.

const settings = settingsOf(llm, {
  LITELLM_MASTER_KEY: `sk-${'master-key-'.repeat(4)}`,
  LITELLM_SALT_KEY: 'a-salt-key-of-the-tests-0123456789',
  LITELLM_POSTGRES_PASSWORD: awkwardPassword('role'),
  QDRANT_API_KEY: 'a-qdrant-key-of-the-tests',
  KEYS_ENV: "PROVIDER_KEY='a-provider-key-of-the-tests'\n",
  MODELS_YML: `models:
  - { alias: gpt-4o, model: openai/gpt-4o, key: PROVIDER_KEY, base: 'http://llm-checks:8080/v1' }
  - { alias: shared, model: openai/one, key: PROVIDER_KEY, base: 'http://llm-checks:8080/v1', group: true }
  - { alias: shared, model: openai/two, key: PROVIDER_KEY, base: 'http://llm-checks:8080/v1', group: true }
`,
}) as LlmSettings
const manifests = Object.values(llm.objects(settings, { litellm: 'litellm', qdrant: 'qdrant' })).flat()

/** What the image's entrypoint ends with: `exec litellm "$@"`. */
const entrypoint = ['litellm']
/** With an address of a database LiteLLM wants Prisma's engine, and ends. */
const without = /^DATABASE_/
const names = { 'llm-checks': 51, litellm: 11 }

const pods = [
  { name: 'proxy-1', last: 11, ...templateOf(manifests, 'Deployment', /^litellm$/), without },
  { name: 'proxy-2', last: 12, ...templateOf(manifests, 'Deployment', /^litellm$/), without },
  { name: 'validate', last: 41, ...templateOf(manifests, 'Job', /-validate-/), without },
  { name: 'migrate', last: 42, ...templateOf(manifests, 'Job', /-migrate-/) },
  { name: 'checks', last: 51, ...templateOf(manifests, 'Deployment', /^llm-checks$/) },
]

await answer<LlmSettings>({
  settings,
  manifests,
  needs: llm.backends?.(settings) ?? {},
  checks,
  failures: failures(settings),
  lay: (venv) =>
    pods.forEach((one) => lay(manifests, venv, { ...one, entrypoint, names, users: { nobody: 65_534 } })),
  targets: () => [11, 12].map((last) => `${addressOf(last)}:${proxyPort}`),
})
