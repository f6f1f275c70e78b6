import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KitError } from '../../../../lib/base/errors.mts'
import type { RawValues } from '../../../../lib/settings/settings.mts'
import { llm } from '../../../../scripts/15_llm/module.mts'
import { complete, problemOf, refusal } from '../refused.mts'
import { keys, models, saved, services } from './settings.mts'

// What an operator may give, as the first step completes it: nothing is asked, nothing is written.

const ownKeys = llm.settings.map(({ key }): string => key)
const platform: RawValues = Object.fromEntries(
  Object.entries(saved).filter(([key]) => !ownKeys.includes(key)),
)
const given: RawValues = { ...platform, MODELS_YML: models, KEYS_ENV: keys }

test('with the platform’s settings and a file of models everything else is made or has a default', async () => {
  const resolved = await complete(llm, given)
  const text = (key: string) => resolved.find(({ setting }) => setting.key === key)?.text ?? ''
  assert.equal(text('LITELLM_HOST'), 'llm.staging.example.com')
  assert.match(text('LITELLM_MASTER_KEY'), /^sk-.{32,}$/)
  assert.ok(text('LITELLM_SALT_KEY').length >= 32 && text('QDRANT_API_KEY').length >= 32)
})

test('without a file of models: one error, exit 2, with the name of the file', async () => {
  const { exitCode, message, details } = await refusal(llm, platform)
  assert.equal(exitCode, 2)
  assert.match([message, ...details].join('\n'), /15_llm\.models\.yml/)
})

const one = (name: string, more: string) =>
  services.replace('embedder\n', `${name}\n`).replace('    host: embed.example.com\n', more)
const bad: [what: string, more: Record<string, string>, said: RegExp][] = [
  ['the master key of every tutorial', { LITELLM_MASTER_KEY: 'sk-1234' }, /^LITELLM_MASTER_KEY must be sk-/],
  ['a master key without sk-', { LITELLM_MASTER_KEY: 'x-'.repeat(20) }, /^LITELLM_MASTER_KEY must be sk-/],
  ['a short salt key', { LITELLM_SALT_KEY: 'x-short' }, /^LITELLM_SALT_KEY must have at least 32 characters/],
  [
    'one key for both',
    {
      LITELLM_MASTER_KEY: saved['LITELLM_MASTER_KEY'] ?? '',
      LITELLM_SALT_KEY: saved['LITELLM_MASTER_KEY'] ?? '',
    },
    /^LITELLM_MASTER_KEY and LITELLM_SALT_KEY are the same/,
  ],
  [
    'a password with a space',
    { LITELLM_POSTGRES_PASSWORD: 'x-two words' },
    /^LITELLM_POSTGRES_PASSWORD must not have a space/,
  ],
  ['a host that is none', { LITELLM_HOST: 'LLM' }, /^LITELLM_HOST "LLM" must be a DNS name/],
  ['one pod', { LITELLM_REPLICAS_MAX: '1' }, /^LITELLM_REPLICAS_MAX "1" must be from 2 to 50/],
  ['a Redis number there is not', { LITELLM_REDIS_DB: '64' }, /^LITELLM_REDIS_DB "64" must be from 0 to 63/],
  ['a volume without unit', { QDRANT_STORAGE: '10' }, /^QDRANT_STORAGE "10" must be a size such as 10Gi/],
  [
    'a vector store without scheme',
    { VECTOR_STORE_URL: 'qdrant:6333' },
    /^VECTOR_STORE_URL "qdrant:6333" must/,
  ],
  ['an empty file of models', { MODELS_YML: '' }, /15_llm\.models\.yml: it is empty/],
  ['a file of models with blanks only', { MODELS_YML: ' \n\n' }, /15_llm\.models\.yml: it is empty/],
  [
    'a file of models with tabs',
    { MODELS_YML: 'models:\n\t- alias: gpt\n' },
    /15_llm\.models\.yml:2:\d: .*[Tt]ab/,
  ],
  [
    'a file of models of 5 MB',
    { MODELS_YML: `models:\n${'  - { alias: a, model: openai/a }\n'.repeat(150_000)}` },
    /15_llm\.models\.yml: it has more than 256 KiB/,
  ],
  [
    'a file of models that is no YAML',
    { MODELS_YML: '\u0000\u0001\u0002' },
    /15_llm\.models\.yml(:\d+:\d+)?: ./,
  ],
  [
    'a model whose key is set nowhere',
    { MODELS_YML: models.replace('OPENAI', 'GROQ') },
    /15_llm\.models\.yml:4:5: it needs GROQ_API_KEY, which is in no settings file/,
  ],
  ['a file of keys that is none', { KEYS_ENV: 'export A=1\n', SERVICES_YML: services }, /^KEYS_ENV.*line 1/],
  [
    'a key that LiteLLM reads by itself',
    { KEYS_ENV: `${keys}DATABASE_URL='x-x-x-x'\n` },
    /^KEYS_ENV.*DATABASE_URL is given by the kit itself/,
  ],
  ['a file of services with blanks only', { SERVICES_YML: ' \n\n' }, /15_llm\.services\.yml: it is empty/],
  [
    'a service with the host of LiteLLM',
    { SERVICES_YML: one('embedder', '    host: llm.staging.example.com\n') },
    /15_llm\.services\.yml:11:5: llm\.staging\.example\.com is the public name of LiteLLM/,
  ],
  [
    'a service called as one of the kit',
    { SERVICES_YML: one('litellm', '') },
    /litellm is a name of the kit's own/,
  ],
]
for (const [what, more, said] of bad)
  test(`${what}: one error, exit 2, and no secret in it`, async () => {
    const problem = await problemOf(llm, { ...given, ...more })
    assert.match(problem, said)
    assert.ok(!/x-short|x-two|x-x-x-x|master-master/.test(problem))
  })

/** A key as the cluster runs with it, and another one. */
const twoOf = (key: string) => {
  const running = saved[key] ?? ''
  return { live: { [key]: running }, running, other: `${running}x` }
}
const valueOf = (resolved: Awaited<ReturnType<typeof complete>>, key: string) =>
  resolved.find(({ setting }) => setting.key === key)?.text

for (const key of ['LITELLM_MASTER_KEY', 'LITELLM_SALT_KEY'] as const)
  test(`another ${key} in the file than the cluster runs with: exit 5; a lost one is adopted`, async () => {
    const { live, running, other } = twoOf(key)
    const thrown = await refusal(llm, { ...given, [key]: other }, live)
    assert.equal(thrown.exitCode, 5)
    assert.equal(valueOf(await complete(llm, given, live), key), running)
  })

test('a master key that leaked is replaced by the answers file; the error for the file says how', async () => {
  const key = 'LITELLM_MASTER_KEY'
  const { live, running, other } = twoOf(key)
  assert.equal(valueOf(await complete(llm, { ...given, [key]: running }, live, { [key]: other }), key), other)
  const { hint, details } = await refusal(llm, { ...given, [key]: other }, live)
  assert.match(hint ?? '', /or give the new one in this run: --answers FILE$/)
  assert.doesNotMatch(details.join('\n'), /never be replaced/)
})

test('the salt key is replaced by nothing: what it encrypted would be lost', async () => {
  const key = 'LITELLM_SALT_KEY'
  const { live, running, other } = twoOf(key)
  const replaced = complete(llm, { ...given, [key]: running }, live, { [key]: other })
  await assert.rejects(replaced, (thrown: KitError) => {
    assert.equal(thrown.exitCode, 5)
    assert.match(thrown.details.join('\n'), /It can never be replaced/)
    return true
  })
})
