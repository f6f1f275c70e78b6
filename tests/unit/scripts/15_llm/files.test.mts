import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KitError } from '../../../../lib/base/errors.mts'
import type { SettingsView } from '../../../../lib/settings/settings.mts'
import { isIn, problemOfKeys } from '../../../../scripts/15_llm/keys.mts'
import { problemOfModels, readModels } from '../../../../scripts/15_llm/models.mts'
import { problemOfServices, readServices } from '../../../../scripts/15_llm/services.mts'
import { createRandom, damagedText } from '../../generated.mts'
import { keys, models, services } from './settings.mts'

// The operator's three files: what they say, and every way to say it wrong.

const known = isIn(['OPENAI_API_KEY', 'HF_TOKEN', 'QDRANT_API_KEY'])
const read = (content: string) => readModels(content, known)
const readOwn = (content: string) => readServices(content, known, 'llm.example.com')

test('the models of the file, in its order', () => {
  assert.deepEqual(read(models), [
    { alias: 'gpt-4o', model: 'openai/gpt-4o', key: 'OPENAI_API_KEY', rpm: 600 },
    { alias: 'local', model: 'openai/qwen', base: 'http://vllm:8000/v1' },
  ])
})

const entry = (more: string) => `models:\n  - alias: gpt\n    model: openai/gpt\n${more}`

for (const [what, content, message] of [
  [
    'a misspelt field',
    entry('    modell: x\n'),
    /^15_llm\.models\.yml:4:5: models\[0\]\.modell is not known there: did you mean model\?/,
  ],
  ['no model', 'models:\n  - alias: gpt\n', /^15_llm\.models\.yml:2:5: models\[0\]\.model is missing/],
  [
    'an alias twice',
    entry('  - { alias: gpt, model: openai/b }\n'),
    /:4:7: alias gpt is given twice \(lines 2 and 4\)/,
  ],
  [
    'an alias twice, of which one is a group',
    entry('    group: true\n  - { alias: gpt, model: openai/b }\n'),
    /given twice \(lines 2 and 5\)/,
  ],
  [
    'an alias twice, of which only the second is a group',
    entry('  - { alias: gpt, model: openai/b, group: true }\n'),
    /given twice \(lines 2 and 4\)/,
  ],
  [
    'a key that is set nowhere',
    entry('    key: GROQ_API_KEY\n'),
    /:4:5: it needs GROQ_API_KEY, which is in no settings file: add it to 15_llm\.keys\.env/,
  ],
  [
    'a key instead of its name',
    entry('    key: sk-live-1234567890\n'),
    /:4:5: models\[0\]\.key must be a name such as OPENAI_API_KEY/,
  ],
  ['a provider left out', 'models:\n  - { alias: a, model: gpt }\n', /must be provider\/name/],
  ['a limit of nothing', entry('    rpm: 0\n'), /:4:5: models\[0\]\.rpm must be 1 or more/],
  ['a limit in words', entry('    rpm: many\n'), /rpm is text, not a whole number/],
  ['an address without scheme', entry('    base: vllm:8000\n'), /base must be an address/],
  [
    'an alias of the kit',
    'models:\n  - { alias: keybuzz-check, model: openai/a }\n',
    /belongs to the kit's own checks/,
  ],
  ['an empty list', 'models: []\n', /:1:1: it names no model/],
  ['an empty file', '', /^15_llm\.models\.yml: it is empty/],
  ['tabs', 'models:\n\t- alias: gpt\n', /^15_llm\.models\.yml:2:\d: .*[Tt]ab/],
  ['5 MB', `models:\n${'  - { alias: a, model: openai/a }\n'.repeat(150_000)}`, /more than 256 KiB/],
] as const)
  test(`models: ${what} is named with its place`, () =>
    assert.throws(
      () => read(content),
      (thrown) => {
        assert.ok(thrown instanceof KitError, String(thrown))
        assert.match(thrown.message, message)
        return true
      },
    ))

test('entries that all say group share one alias', () => {
  const both = '    group: true\n  - { alias: gpt, model: openai/b, group: true }\n'
  assert.equal(read(entry(both)).length, 2)
})

test('the services of the file', () => {
  const [one, ...others] = readOwn(services)
  assert.equal(others.length, 0)
  assert.deepEqual([one?.name, one?.uid, one?.replicas, one?.folders], ['embedder', 1000, 2, ['/data']])
})

/** The file above with one of its lines replaced. */
const changed = (line: RegExp, by: string) => services.replace(line, by)
const twice = (name: string, host: string) =>
  services +
  services.replace('services:\n', '').replace('embedder\n', `${name}\n`).replace('embed.example.com', host)

for (const [what, content, message] of [
  [
    'an unknown field',
    changed(/uid:/, 'user:'),
    /15_llm\.services\.yml:6:5: services\[0\]\.user is not known there: did you mean uid\?/,
  ],
  [
    'an unknown resource',
    changed(/cpuLimit:/, 'cpu_limit:'),
    /:7:\d+: services\[0\]\.resources\.cpu_limit is not known there/,
  ],
  ['no resources', changed(/ {4}resources.*\n/, ''), /services\[0\]\.resources is missing/],
  ['a name of the kit', changed(/embedder\n/, 'qdrant\n'), /:2:5: qdrant is a name of the kit's own/],
  ['a name that is no DNS label', changed(/embedder\n/, 'My_Embedder\n'), /name must be a DNS label/],
  ['a name twice', twice('embedder', 'other.example.com'), /embedder is given twice \(lines 2 and 12\)/],
  [
    'a host twice',
    twice('other', 'embed.example.com'),
    /embed\.example\.com is given twice \(lines 11 and 21\)/,
  ],
  [
    'the host of LiteLLM',
    changed(/embed\.example\.com/, 'llm.example.com'),
    /:11:5: llm\.example\.com is the public name of LiteLLM/,
  ],
  [
    'an image whose tag moves',
    changed(/:1\.9\.4/, ':latest'),
    /:3:5: services\[0\]\.image latest is another image every week/,
  ],
  ['an image without tag', changed(/:1\.9\.4/, ''), /image it has neither tag nor digest/],
  ['a port beyond all', changed(/8080/, '80800'), /port must be from 1 to 65535/],
  ['a port of root', changed(/8080/, '80'), /:4:5: ports below 1024 are for root/],
  [
    'a variable that is set nowhere',
    changed(/HF_TOKEN/, 'ABSENT_KEY'),
    /it needs ABSENT_KEY, which is in no settings file/,
  ],
  [
    'neither uid nor root',
    changed(/ {4}uid: 1000\n/, ''),
    /it needs uid, the user of its image; or root: true/,
  ],
  ['uid and root', changed(/uid: 1000\n/, 'uid: 1000\n    root: true\n'), /exclude each other/],
  ['uid 0', changed(/uid: 1000/, 'uid: 0'), /uid must be from 1 to 65535/],
  ['the root folder', changed(/\/data/, '/'), /folders\[0\] must be a folder/],
  [
    'memory without unit',
    changed(/memory: 1Gi/, 'memory: "1024"'),
    /resources\.memory must be an amount of memory/,
  ],
  ['CPU as a number', changed(/cpu: 500m/, 'cpu: 1'), /resources\.cpu is a number, not text/],
  ['no replicas', changed(/replicas: 2/, 'replicas: 0'), /replicas must be from 1 to 50/],
  ['a health path without slash', changed(/\/health/, 'health'), /health must be a path/],
] as const)
  test(`services: ${what} is named with its place`, () => assert.throws(() => readOwn(content), message))

test('QDRANT_API_KEY is the kit’s with its own Qdrant, and the operator’s with another vector store', () => {
  const viewOf = (values: Record<string, string>): SettingsView => ({
    env: 'dev',
    text: (key) => values[key],
  })
  const own = `${keys}QDRANT_API_KEY='a-key-of-theirs'\n`
  const external = { VECTOR_STORE_URL: 'https://vectors.example.com' }
  assert.equal(problemOfServices(services, viewOf({ KEYS_ENV: keys })), undefined)
  assert.match(problemOfKeys(own, viewOf({})) ?? '', /QDRANT_API_KEY is given by the kit itself/)
  assert.match(
    problemOfServices(services, viewOf({ KEYS_ENV: keys, ...external })) ?? '',
    /it needs QDRANT_API_KEY, which is in no settings file/,
  )
  assert.equal(problemOfKeys(own, viewOf(external)), undefined)
  assert.equal(problemOfServices(services, viewOf({ KEYS_ENV: own, ...external })), undefined)
})

test('a service whose image is a version of LiteLLM that an intruder published is refused with its place', () => {
  const view: SettingsView = { env: 'dev', text: (key) => (key === 'KEYS_ENV' ? keys : undefined) }
  const withImage = (image: string) =>
    problemOfServices(services.replace('registry.example.com/embedder:1.9.4', image), view)
  assert.match(
    withImage('registry.example.com/mirror/litellm:v1.107.0') ?? '',
    /^15_llm\.services\.yml:3:5: 1\.107\.\* was published by an intruder in October 2026: replace every key it saw$/,
  )
  assert.equal(withImage('registry.example.com/mirror/litellm:v1.108.14'), undefined)
})

test('a digest is taken for any service; for a build of LiteLLM only with the tag that tells its version', () => {
  const view: SettingsView = { env: 'dev', text: (key) => (key === 'KEYS_ENV' ? keys : undefined) }
  const digest = `@sha256:${'a'.repeat(64)}`
  const withImage = (image: string) =>
    problemOfServices(services.replace('registry.example.com/embedder:1.9.4', image), view)
  assert.equal(withImage(`registry.example.com/embedder${digest}`), undefined)
  assert.equal(withImage(`registry.example.com/embedder:1.9.4${digest}`), undefined)
  assert.equal(withImage(`registry.example.com/mirror/litellm:v1.108.14${digest}`), undefined)
  assert.match(
    withImage(`registry.example.com/mirror/litellm:v1.107.0${digest}`) ?? '',
    /:3:5: 1\.107\.\* was/,
  )
  assert.equal(
    withImage(`registry.example.com/mirror/litellm${digest}`),
    '15_llm.services.yml:3:5: a digest alone tells no version, and some versions of litellm must never run: write tag and digest, name:VERSION@sha256:...',
  )
  assert.match(
    withImage('registry.example.com/embedder@sha256:abc') ?? '',
    /its digest is not sha256: and 64 digits/,
  )
})

test('a damaged file of either kind is read, or refused with its name', () => {
  const random = createRandom()
  for (const [whole, problemOf] of [
    [models, problemOfModels],
    [services, problemOfServices],
  ] as const) {
    const view: SettingsView = { env: 'dev', text: (key) => (key === 'KEYS_ENV' ? keys : undefined) }
    assert.equal(problemOf(whole, view), undefined)
    for (let left = 200; left > 0; left -= 1) {
      const broken = damagedText(random, whole)
      const problem = problemOf(broken, view)
      const shown = `SHAPE_SEED=${random.seed}: ${JSON.stringify(broken)}: ${problem}`
      assert.ok(problem === undefined || /^15_llm\.(models|services)\.yml(:\d+:\d+)?: ./.test(problem), shown)
      assert.ok(!problem?.includes('\n'), shown)
    }
  }
})

test('the file of keys gives no name that LiteLLM, its database or the kit reads by itself', () => {
  assert.equal(problemOfKeys(keys), undefined)
  for (const name of [
    'DATABASE_URL',
    'LITELLM_MASTER_KEY',
    'REDIS_HOST',
    'HOME',
    'MODELS_YML',
    'STORE_MODEL_IN_DB',
  ])
    assert.equal(
      problemOfKeys(`A_KEY='long-enough'\n${name}='x-x-x-x'\n`),
      `line 2: ${name} is given by the kit itself`,
    )
  assert.match(problemOfKeys('export A=1\n') ?? '', /line 1/)
})
