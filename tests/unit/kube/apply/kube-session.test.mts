import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import { createWrites } from '../../../../lib/base/writes.mts'
import { createKube } from '../../../../lib/kube/apply/kube-session.mts'
import { acceptedText } from '../../../../lib/kube/deletion-text.mts'
import type { Api } from '../../../../lib/kube/api.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import { ObjectModified } from '../../../../lib/kube/server-errors.mts'
import { owned } from '../../../../lib/kube/apply/ownership.mts'
import { autoscaled, checksumAnnotation } from '../../../../lib/kube/manifests/objects.mts'
import { deployment } from '../../../../lib/kube/manifests/pods.mts'
import { nameOf, type Deployment, type LiveObject } from '../../../../lib/kube/types.mts'
import { fakeApi } from '../fake-api.mts'

const labels = {
  'app.kubernetes.io/managed-by': 'keybuzz',
  'keybuzz.io/module': '12_n8n',
  'keybuzz.io/env': 'dev',
  'keybuzz.io/step': '01_deploy',
}
const object = (namespace: string, name: string): LiveObject =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name, labels } }) as unknown as LiveObject

test('only what a revision names is deleted; a restored backup with the same labels is left alone', async () => {
  const old = object('n8n-dev', 'old')
  const restored = object('n8n-restored', 'old')
  const writes = createWrites({ planning: true, guard: () => Promise.resolve() })
  const session = createKube({
    kubectl: {} as Kubectl,
    writes,
    owner: { module: '12_n8n', env: 'dev' },
    forceConflicts: false,
    failures: () => [],
    namespaces: [],
    objects: [old, restored],
    checksumKey: sensitive('the-key-of-this-cluster'),
    isRecorded: (live) => nameOf(live) === 'ConfigMap n8n-dev/old',
  })
  await session.prune()
  assert.deepEqual(
    writes.changes.map(({ sign, what }) => `${sign} ${what}`),
    ['- ConfigMap n8n-dev/old'],
  )
  assert.deepEqual((await session.recorded()).map(nameOf), ['ConfigMap n8n-dev/old'])
  assert.equal((await session.objects()).length, 2)
})

test('what would be deleted is told by step, and what is not meant stays', async () => {
  const ofStep = (name: string, step: string): LiveObject => {
    const one = object('n8n-dev', name)
    const labels = { ...one.metadata.labels, 'keybuzz.io/step': step }
    return { ...one, metadata: { ...one.metadata, labels } }
  }
  const writes = createWrites({ planning: true, guard: () => Promise.resolve() })
  const session = createKube({
    kubectl: {} as Kubectl,
    writes,
    owner: { module: '12_n8n', env: 'dev' },
    forceConflicts: false,
    failures: () => [],
    namespaces: [],
    objects: [ofStep('one', '01_deploy'), ofStep('two', '01_deploy'), ofStep('other', '02_more')],
    checksumKey: sensitive('the-key-of-this-cluster'),
    isRecorded: () => true,
  })
  assert.deepEqual((await session.unwanted('01_deploy')).map(nameOf), [
    'ConfigMap n8n-dev/one',
    'ConfigMap n8n-dev/two',
  ])
  await session.prune('01_deploy', ({ metadata }) => metadata.name !== 'one')
  assert.deepEqual(
    writes.changes.map(({ what }) => what),
    ['ConfigMap n8n-dev/two'],
  )
})

test('what is no longer wanted: its deletion was accepted, and what its finalizers hold is not called deleted', async (t) => {
  const old = object('n8n-dev', 'old')
  const held = object('n8n-dev', 'held')
  const metadata = { ...held.metadata, finalizers: ['example.com/backup', 'foregroundDeletion'] }
  const said: string[] = []
  t.mock.method(process.stderr, 'write', (text: unknown) => Boolean(said.push(String(text))))
  const session = createKube({
    kubectl: { api: fakeApi(() => [], { remove: () => Promise.resolve(true) }) } as unknown as Kubectl,
    writes: createWrites({ planning: false, guard: () => Promise.resolve() }),
    owner: { module: '12_n8n', env: 'dev' },
    forceConflicts: false,
    failures: () => [],
    namespaces: [],
    objects: [old, { ...held, metadata }],
    checksumKey: sensitive('the-key-of-this-cluster'),
    isRecorded: () => true,
  })
  await session.prune()
  assert.match(
    said.join(''),
    /2 objects no longer wanted: deletion accepted; ConfigMap n8n-dev\/held waits for its finalizers: example\.com\/backup\s/,
  )
})

test('what was gone before is counted apart from what was accepted', () => {
  const both = [object('n8n-dev', 'old'), object('n8n-dev', 'held')]
  assert.equal(acceptedText(1, both), 'deletion of 1 accepted, 1 were gone before')
  assert.equal(acceptedText(2, both), 'deletion accepted')
})

/** An API server with a Deployment controller that writes each Deployment's status behind every apply. */
function busyApiServer() {
  const stored = new Map<string, LiveObject>()
  const replicas: number[] = []
  let dryRuns = 0
  const apply: Api['apply'] = async (manifest, { dryRun }) => {
    if (dryRun) dryRuns += 1
    const one = structuredClone(manifest) as LiveObject
    const now = stored.get(nameOf(one))
    const { resourceVersion } = one.metadata
    if (resourceVersion !== undefined && resourceVersion !== now?.metadata.resourceVersion)
      throw new ObjectModified(['the object has been modified'])
    const spec = { replicas: 1, ...(now?.['spec'] as object), ...(one['spec'] as object) }
    const version = Number(now?.metadata.resourceVersion ?? 0) + 1
    const made = { ...now, ...one, spec, metadata: { ...one.metadata, resourceVersion: String(version) } }
    if (dryRun) return made
    if (one.kind === 'Deployment') replicas.push(spec.replicas)
    stored.set(nameOf(one), {
      ...made,
      metadata: { ...made.metadata, resourceVersion: String(version + 1) },
    })
    return made
  }
  const kubectl = { api: fakeApi(() => [...stored.values()].map((one) => structuredClone(one)), { apply }) }
  return { kubectl: kubectl as unknown as Kubectl, replicas, stored, dryRuns: () => dryRuns }
}

test('a new autoscaled Deployment starts with its minimum, though its controller writes to it at once', async () => {
  const { kubectl, replicas, stored, dryRuns } = busyApiServer()
  const one = deployment({
    namespace: 'n8n-dev',
    name: 'worker',
    labels: {},
    pod: { containers: [] },
    restartOn: [],
  })
  const session = createKube({
    kubectl,
    writes: createWrites({ planning: false, guard: () => Promise.resolve() }),
    owner: { module: '12_n8n', env: 'dev' },
    forceConflicts: false,
    failures: () => [],
    namespaces: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n8n-dev' } } as LiveObject],
    objects: [],
    checksumKey: sensitive('the-key-of-this-cluster'),
    isRecorded: () => true,
  })
  const planned = [one, ...autoscaled(one, { most: 6, cpuPercent: 70 })].map((manifest) =>
    owned(manifest, { module: '12_n8n', step: '01_deploy', env: 'dev' }),
  )
  await session.planAhead(planned)
  await session.of('01_deploy').apply([one, ...autoscaled(one, { most: 6, cpuPercent: 70 })])
  assert.deepEqual(replicas, [1, 2])
  const sent = stored.get('Deployment n8n-dev/worker') as unknown as Deployment
  const checksum = sent.spec?.template.metadata?.annotations?.[checksumAnnotation] ?? ''
  assert.equal(dryRuns(), 3, 'what was planned ahead is not compared again before it is sent')
  assert.match(checksum, /^hmac_[0-9a-f]{20}$/, 'what is sent is keyed')
  assert.ok(JSON.stringify(session.manifests).includes(checksum), 'and so is what the revision keeps')
})
