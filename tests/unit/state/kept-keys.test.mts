import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sensitive } from '../../../lib/base/sensitive.mts'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { completeSettings } from '../../../lib/settings/complete.mts'
import { fileOf } from '../../../lib/settings/credentials.mts'
import { recordOf } from '../../../lib/settings/recorded.mts'
import { resolve, type Declares, type RawValues, type Setting } from '../../../lib/settings/settings.mts'
import { fingerprintBy, unprovenKeys } from '../../../lib/state/kept-keys.mts'
import { decodeAll, encode } from '../../../lib/state/revision-store.mts'
import type { Revision } from '../../../lib/state/revision.mts'
import { createRunRevision } from '../../../lib/state/run-revision.mts'
import { own as chatwoot } from '../../../scripts/11_chatwoot/settings.mts'
import { own as n8n } from '../../../scripts/12_n8n/settings.mts'
import { own as superset } from '../../../scripts/13_superset/settings.mts'
import { own as llm } from '../../../scripts/15_llm/settings.mts'
import { fakeApi } from '../kube/fake-api.mts'
import { revisionOf } from './revisions.mts'

const key = 'N8N_ENCRYPTION_KEY'
const [original, generated] = ['a'.repeat(64), 'b'.repeat(64)]
const fingerprint = fingerprintBy(sensitive('checksum-key-of-the-cluster-0001'))

const keyOf = n8n.filter((one) => one.key === key)
const madeWith = (value: string, by = fingerprint) =>
  recordOf(resolve(keyOf, { env: 'dev', overrides: {}, saved: { [key]: value }, variables: {} }), by)

const revision = (number: number, state: Revision['state'], more: Partial<Revision> = {}): Revision =>
  revisionOf({ number, state, ...more })

const unproven = (revisions: Revision[], value: string, since = '2026-11-20T10:00:00Z') => [
  ...unprovenKeys(revisions, { values: { [key]: value }, since: { [key]: since } }, fingerprint),
]

test('a live key that only a failed start ran with proves nothing; one of a validated revision does', () => {
  const failedStart = revision(2, 'pending', { madeWith: madeWith(generated) })
  assert.deepEqual(unproven([failedStart], generated), [key], 'the first start of all')
  const before = revision(1, 'validated', { madeWith: madeWith(original) })
  assert.deepEqual(unproven([before, failedStart], generated), [key], 'the namespace was lost in between')
  assert.deepEqual(unproven([before, failedStart], original), [])
  const applied = revision(3, 'applied', { madeWith: madeWith(generated) })
  assert.deepEqual(unproven([before, applied], generated), [key], 'its checks never passed')
  assert.deepEqual(unproven([revision(1, 'validated', { madeWith: madeWith(generated) })], generated), [])
  assert.deepEqual(unproven([], generated), [key])
})

test('a revision without a comparable fingerprint counts, unless the live Secret was created after it was validated', () => {
  const { kept: _none, ...older } = madeWith(original)
  const another = madeWith(original, fingerprintBy(sensitive('checksum-key-of-the-cluster-0002')))
  for (const record of [undefined, older, another]) {
    const made = record === undefined ? {} : { madeWith: record }
    const validated = revision(1, 'validated', {
      passed: { when: '2026-11-24T10:00:00Z', checks: 3 },
      ...made,
    })
    assert.deepEqual(unproven([validated], generated, '2026-11-24T09:59:00Z'), [])
    assert.deepEqual(unproven([validated], generated, '2026-11-24T10:01:00Z'), [key])
    assert.deepEqual(unproven([validated], generated, 'no time'), [], 'in doubt it is protected')
  }
})

test('a revision keeps a fingerprint of what may never be replaced, of nothing else, and no key; it comes back whole', () => {
  const resolved = resolve(n8n, {
    env: 'dev',
    overrides: {},
    saved: { [key]: original, N8N_OWNER_PASSWORD: 'Owner-password-1' },
    variables: {},
  })
  const record = recordOf(resolved, fingerprint)
  assert.deepEqual(Object.keys(record.kept ?? {}), [key])
  for (const secret of [original, 'Owner-password-1']) assert.ok(!JSON.stringify(record).includes(secret))
  assert.equal(recordOf(resolved).kept, undefined)
  const { head } = encode(revision(1, 'validated', { madeWith: record }))
  const { revisions, damaged } = decodeAll([head as never])
  assert.deepEqual(damaged, [])
  assert.deepEqual(revisions[0]?.madeWith, record)
})

test('a rollback has the settings of its target, and the keys of now: its secrets are those of now', async () => {
  const saved: Revision[] = []
  const api = fakeApi(() => [], {
    apply(secret) {
      saved.push(...decodeAll([secret as never]).revisions)
      return Promise.resolve(secret as LiveObject)
    },
  })
  const kubectl = { api } as unknown as Kubectl
  const target = revision(1, 'validated', {
    madeWith: { ...madeWith(generated), values: { N8N_HOST: 'then' } },
  })
  const run = createRunRevision({
    kubectl,
    known: [target],
    module: '12_n8n',
    env: 'dev',
    kit: '0.1.0',
    images: () => ({}),
    settings: () => madeWith(original),
    guard: () => Promise.resolve(),
  })
  run.intend(target)
  await run.begin()
  assert.deepEqual(saved.at(-1)?.madeWith, { ...madeWith(original), values: { N8N_HOST: 'then' } })
})

/** Every setting of these modules that may never be replaced, with the module that declares it. */
const brothers = [
  { number: 11, slug: 'chatwoot', settings: chatwoot },
  { number: 12, slug: 'n8n', settings: n8n },
  { number: 13, slug: 'superset', settings: superset },
  { number: 15, slug: 'llm', settings: llm },
].flatMap(({ settings, ...module }) =>
  settings
    .filter((one) => 'keep' in one)
    .map((setting) => ({ ...module, title: module.slug, shared: [], settings: [setting] }) as Declares),
)

const valueOf = ({ settings: [setting] }: Declares): string => setting?.generate?.() ?? ''

function complete(module: Declares, file: string, live: string, failed: boolean, overrides: RawValues = {}) {
  const name = module.settings[0]?.key ?? ''
  return completeSettings({
    module,
    sources: { env: 'dev', overrides, saved: { [name]: file }, variables: {} },
    live: { [name]: live },
    unproven: new Set(failed ? [name] : []),
    interactive: false,
  })
}

test('every key: the file is believed over what a failed start left, and this is said; never over a proven one', async (context) => {
  assert.ok(brothers.length >= 7)
  for (const module of brothers) {
    const [theirs, live] = [valueOf(module), valueOf(module)]
    let screen = ''
    context.mock.method(process.stderr, 'write', (text: string) => Boolean((screen += text)))
    const [found] = await complete(module, theirs, live, true)
    context.mock.restoreAll()
    const name = module.settings[0]?.key ?? ''
    assert.equal(found?.text, theirs, name)
    assert.match(
      screen.replaceAll(/\s+/g, ' '),
      new RegExp(`${name} differs from the live one, which no validated`),
    )
    // Random base64: no expression.
    for (const value of [theirs, live]) assert.ok(!screen.includes(value))
    for (const [given, place] of [
      [{}, fileOf('dev', module, module.settings[0] as Setting)],
      [{ [name]: theirs }, 'the answers file'],
    ] as const)
      await assert.rejects(complete(module, theirs, live, false, given), {
        exitCode: 5,
        message: `${name} is not the value the cluster runs with`,
        hint: `take the line ${name} out of ${place}: the next run adopts the live value`,
      })
  }
})

test('a password of the cluster is still not replaced by a line of a file, whatever ran with it', async () => {
  const module: Declares = {
    number: 12,
    slug: 'n8n',
    title: 'n8n',
    shared: [],
    settings: n8n.filter((one) => one.key === 'N8N_POSTGRES_PASSWORD'),
  }
  await assert.rejects(complete(module, 'in-the-file-1', 'in-the-cluster-1', true), { exitCode: 5 })
})
