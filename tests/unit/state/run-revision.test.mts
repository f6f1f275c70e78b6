import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KitError } from '../../../lib/base/errors.mts'
import type { LiveObject, Manifest } from '../../../lib/kube/types.mts'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import { inRemovalOrder } from '../../../lib/verbs/uninstall.mts'
import { overviewLines } from '../../../lib/cli/overview.mts'
import { leaseFor } from '../../../lib/state/lease.mts'
import { readRecords, decodeAll, encode } from '../../../lib/state/revision-store.mts'
import { createRecordCheck, type Revision } from '../../../lib/state/revision.mts'
import { createRunRevision, mergeManifests } from '../../../lib/state/run-revision.mts'
import { newestTarget, targetOf } from '../../../lib/verbs/rollback-target.mts'
import { revisionOf } from './revisions.mts'
import { fakeApi } from '../kube/fake-api.mts'

const configMap = (name: string, value: string, step = '01_deploy'): Manifest =>
  ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'a', name, labels: { 'keybuzz.io/step': step } },
    data: { value },
  }) as Manifest

const revision = (
  number: number,
  state: Revision['state'],
  value: string,
  more: Partial<Revision> = {},
): Revision => revisionOf({ number, state, manifests: [configMap('one', value)], ...more })

const target = (all: Revision[], number?: number) =>
  targetOf({ all, current: all.at(-1) } as never, number, '12 n8n').number

test('a rollback goes to the newest validated revision whose objects are others than now', () => {
  const all = [revision(1, 'validated', 'x'), revision(2, 'applied', 'y'), revision(3, 'validated', 'z')]
  assert.equal(target(all), 1)
  assert.equal(
    target([...all, revision(4, 'validated', 'z')]),
    1,
    'the same objects under another number are no way back',
  )
})

test('after a failed or killed run the newest validated revision is the way back', () => {
  const all = [revision(1, 'validated', 'x'), revision(2, 'validated', 'y'), revision(3, 'pending', 'y')]
  assert.equal(target(all), 2)
  assert.equal(newestTarget(all, all.at(-1))?.number, 2)
})

test('a rollback that was cut short is finished, not begun anew elsewhere', () => {
  const all = [
    revision(1, 'validated', 'x'),
    revision(2, 'validated', 'y'),
    revision(3, 'pending', 'y', { rollbackOf: 1 }),
  ]
  assert.equal(target(all), 1)
  assert.equal(target(all, 2), 2, 'unless another one is named')
})

test('nothing to go back to, or no such revision: exit 5, with the list', () => {
  for (const [all, number] of [
    [[revision(1, 'validated', 'x')], undefined],
    [[revision(1, 'validated', 'x')], 7],
    [[revision(1, 'pending', 'x')], 1],
    [[revision(1, 'adopted', 'x', { manifests: [] })], undefined],
  ] as const) {
    assert.throws(
      () => target([...all], number),
      (error) => error instanceof KitError && error.exitCode === 5,
    )
  }
})

test('a step run alone replaces its own objects in the revision and keeps the others', () => {
  const before = [configMap('one', 'old'), configMap('gone', 'old'), configMap('theirs', 'old', '02_ingress')]
  const merged = mergeManifests(before, [configMap('one', 'new')], new Set(['01_deploy']))
  assert.deepEqual(
    merged.map(({ metadata }) => metadata?.name),
    ['theirs', 'one'],
  )
})

test('an object that a run applied twice is in the revision once, as it was applied last', () => {
  const now = [configMap('one', 'first'), configMap('two', 'new'), configMap('one', 'last')]
  const merged = mergeManifests([], now, new Set(['01_deploy']))
  assert.deepEqual(merged, [now[2], now[1]])
})

test('objects go newest first: the last step before the first, what reaches an application before what it reads', () => {
  const live = (kind: string, step: string) =>
    ({ apiVersion: 'v1', kind, metadata: { name: kind, labels: { 'keybuzz.io/step': step } } }) as never
  const objects = [
    live('Secret', '01'),
    live('Service', '01'),
    live('Deployment', '01'),
    live('Ingress', '02'),
  ]
  const order = inRemovalOrder(objects, ({ metadata }) => metadata.labels?.['keybuzz.io/step'] ?? '')
  assert.deepEqual(
    order.map(({ kind }) => kind),
    ['Ingress', 'Deployment', 'Service', 'Secret'],
  )
})

test('the table of modules: what is installed, what failed, what stands on a rollback, what is missing', () => {
  const row = { number: 12, title: 'n8n workflows', inFullRun: 'required' as const, now: 'healthy' }
  const tested = { when: '2026-11-23T10:00:00Z', checks: 14, failed: 0 }
  const lines = overviewLines({
    cluster: 'kb',
    modules: [
      {
        ...row,
        revision: revision(3, 'validated', 'x', {
          tested,
          rollbackOf: 1,
          images: { n8n: 'registry:5000/n8n:2.43.5@sha256:00' },
        }),
      },
      { ...row, revision: revision(4, 'pending', 'x', { tested: { ...tested, failed: 2 } }) },
      { ...row, number: 13, title: 'Superset', inFullRun: 'optional', revision: undefined, now: '' },
      {
        ...row,
        number: 9,
        title: 'K3s HA core',
        version: 'v1.36.5+k3s1',
        now: '8 of 8 nodes ready',
        revision: revision(1, 'validated', 'x', { images: { traefik: 'traefik:v3.7.15' } }),
      },
      { ...row, revision: revision(5, 'uninstalled', 'x', { tested }), now: '' },
    ],
  }).map((line) => line.replaceAll(/ +/g, ' ').trim())
  assert.deepEqual(lines.slice(1), [
    '12 n8n workflows rev 3 = rev 1 2.43.5 ✓ 2026-11-23 10:00 14 healthy',
    '12 n8n workflows rev 4, not finished ✗ 2026-11-23 10:00 2/14 failed healthy',
    '13 Superset (optional) -',
    ' 9 K3s HA core rev 1 v1.36.5+k3s1 8 of 8 nodes ready'.trim(),
    '12 n8n workflows -',
  ])
})

test('a revision is read as it was written, whatever its size; parts nobody names are nothing', () => {
  const large = revision(7, 'applied', Array.from({ length: 400 }, (_, at) => `${at * 7919}`).join())
  for (const limit of [1_000_000, 300, 40]) {
    const { head, parts } = encode(large, limit)
    assert.equal(parts.length > 0, limit < 1000)
    const stale = encode(revision(7, 'pending', `before ${'abcdefgh'.repeat(limit)}`), limit).parts
    assert.deepEqual(decodeAll([...stale, ...parts, head] as never), { revisions: [large], damaged: [] })
    assert.equal(
      new Set([head, ...parts].map(({ metadata }) => metadata?.labels?.['keybuzz.io/revision'])).size,
      1,
    )
  }
})

test('revisions and the lock are read from the kit’s own namespace alone: elsewhere others may write', async () => {
  const { head } = encode(revision(1, 'validated', 'a'))
  const lease = leaseFor(undefined, 'root@admin', undefined)
  const items = [lease, head].flatMap((own) => [
    { ...own, metadata: { ...own.metadata, namespace: 'tenant' } },
    own,
  ])
  const api = fakeApi(({ kinds }) =>
    items.filter(({ kind }) => (kind === 'Lease') === kinds.startsWith('leases')),
  )
  const kubectl = { api } as Kubectl
  const { revisions, lease: found, objects } = await readRecords(kubectl)
  assert.equal(revisions.length, 1)
  assert.equal(found?.metadata.namespace, 'keybuzz-system')
  assert.equal(objects.length, 4)
})

test('a revision holds names of sensitive values, never the values', () => {
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    data: { PASSWORD: 'aHVudGVyMg==' },
  }
  const { head } = encode(revision(1, 'applied', 'x', { manifests: [secret as Manifest] }))
  const [read] = decodeAll([head] as never).revisions
  assert.deepEqual(read?.manifests, [{ ...secret, data: { PASSWORD: '' } }])
})

test('a damaged revision is named and left out: it stops no verb of no module', () => {
  const whole = encode(revision(1, 'validated', 'a')).head
  const { head } = encode(revision(2, 'validated', 'b'))
  const data = head.data ?? {}
  const text = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64')
  const meta = {
    number: 2,
    module: '12_n8n',
    env: 'dev',
    state: 'validated',
    who: 'root@admin',
    when: 'now',
    kit: '0.1.0',
    images: {},
  }
  const ways: Record<string, Record<string, string>> = {
    'cut manifests': { ...data, manifests: data['manifests']?.slice(0, 20) ?? '' },
    'no manifests': { meta: data['meta'] ?? '' },
    'no meta': { manifests: data['manifests'] ?? '' },
    'meta that is null': { ...data, meta: text(null) },
    'no images': { ...data, meta: text({ ...meta, images: undefined }) },
    'nobody who made it': { ...data, meta: text({ ...meta, who: undefined }) },
    'a kit that is no text': { ...data, meta: text({ ...meta, kit: 1 }) },
    'another name': { ...data, meta: text({ ...meta, number: 3 }) },
    'parts that are gone': { ...data, meta: text({ ...meta, parts: ['gone'] }), manifests: '' },
  }
  for (const [way, bad] of Object.entries(ways)) {
    const { revisions, damaged } = decodeAll([{ ...head, data: bad }, whole] as never)
    assert.deepEqual(
      revisions.map(({ number }) => number),
      [1],
      way,
    )
    assert.deepEqual(
      damaged.map(({ name }) => name),
      ['revision-dev-12-n8n-2'],
      way,
    )
  }
})

test('what a revision names is the kit’s; a copy elsewhere with its labels is not', () => {
  const isRecorded = createRecordCheck([
    revision(1, 'uninstalled', 'x', { manifests: [] }),
    revision(2, 'validated', 'x'),
    revision(3, 'pending', 'x', { begun: ['ConfigMap a/two'] }),
  ])
  const live = (kind: string, namespace: string, name: string) =>
    ({ kind, metadata: { namespace, name } }) as never
  assert.ok(isRecorded(live('ConfigMap', 'a', 'one')))
  assert.ok(isRecorded(live('ConfigMap', 'a', 'two')), 'a killed run was about to make it')
  assert.ok(isRecorded(live('Job', 'a', 'prepare-0123')))
  assert.ok(!isRecorded(live('ConfigMap', 'a-restored', 'one')))
  assert.ok(!isRecorded(live('ConfigMap', 'a', 'three')))
  assert.ok(!isRecorded(live('Job', 'a-restored', 'prepare-0123')))
  assert.ok(!createRecordCheck([])(live('ConfigMap', 'a', 'one')))
})

/** An API server that keeps the revisions it is sent. */
function keepingIn(kept: Revision[]): Kubectl {
  const api = fakeApi(() => [], {
    apply(secret) {
      kept.push(...decodeAll([secret as never]).revisions)
      return Promise.resolve(secret as LiveObject)
    },
  })
  return { api } as unknown as Kubectl
}

test('a run keeps what it is about to make with its first write, and drops it when the manifests name it', async () => {
  const kept: Revision[] = []
  const kubectl = keepingIn(kept)
  const settings = () => ({ values: {}, secrets: [] })
  const options = { kubectl, module: '12_n8n', env: 'dev', kit: '0.1.0', images: () => ({}), settings }
  const run = createRunRevision({ ...options, known: [], guard: () => Promise.resolve() })
  run.expect(['ConfigMap a/one', 'ConfigMap a/two'])
  await run.begin()
  assert.deepEqual(kept.at(-1)?.begun, ['ConfigMap a/one', 'ConfigMap a/two'])
  await run.applied([configMap('one', 'x')], () => Promise.resolve(undefined))
  assert.deepEqual(kept.at(-1)?.begun, ['ConfigMap a/two'])
})

test('a revision keeps the settings it was made with, a rollback those of its target; an uninstall drops them', async () => {
  const kept: Revision[] = []
  const kubectl = keepingIn(kept)
  const madeWith = (host: string) => ({ values: { N8N_HOST: host }, secrets: ['N8N_ENCRYPTION_KEY'] })
  const options = { kubectl, module: '12_n8n', env: 'dev', kit: '0.1.0', images: () => ({}) }
  const runWith = (known: Revision[]) =>
    createRunRevision({
      ...options,
      known,
      settings: () => madeWith('now.example.com'),
      guard: () => Promise.resolve(),
    })
  await runWith([]).begin()
  assert.deepEqual(kept.at(-1)?.madeWith, madeWith('now.example.com'))
  const older = revision(1, 'validated', 'x', { madeWith: madeWith('then.example.com') })
  const back = runWith([older, revision(2, 'validated', 'y', { madeWith: madeWith('now.example.com') })])
  back.intend(older)
  await back.begin()
  assert.deepEqual(kept.at(-1)?.madeWith, madeWith('then.example.com'))
  await runWith([older]).uninstalled()
  assert.equal(kept.at(-1)?.madeWith, undefined)
})

test('images stay until an upgrade, those of a first install that did not come through do not', () => {
  const one = (number: number, state: Revision['state'], tag: string) =>
    revision(number, state, 'x', { images: { n8n: `n8n:${tag}` } })
  const installed = (...known: Revision[]) =>
    createRunRevision({
      kubectl: {} as Kubectl,
      module: '12_n8n',
      env: 'dev',
      kit: '0.1.0',
      images: () => ({}),
      settings: () => ({ values: {}, secrets: [] }),
      guard: () => Promise.resolve(),
      known,
    }).images
  assert.deepEqual(installed(), {})
  assert.deepEqual(installed(one(1, 'pending', 'bad')), {})
  assert.deepEqual(
    installed(one(1, 'validated', '1'), one(2, 'uninstalled', '1'), one(3, 'pending', 'bad')),
    {},
  )
  for (const state of ['applied', 'validated', 'adopted'] as const) {
    assert.deepEqual(installed(one(1, state, '1')), { n8n: 'n8n:1' })
    // An upgrade that was killed goes on.
    assert.deepEqual(installed(one(1, state, '1'), one(2, 'pending', '2')), { n8n: 'n8n:2' })
  }
})
