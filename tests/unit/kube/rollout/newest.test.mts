import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { KitError } from '../../../../lib/base/errors.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import { waitForDeployments } from '../../../../lib/kube/rollout/deployments.mts'
import { isOfNewest } from '../../../../lib/kube/rollout/newest.mts'
import type { LiveObject, Pod } from '../../../../lib/kube/types.mts'
import { added, fakeApi, watchOf } from '../fake-api.mts'

// Somebody has changed the image by hand, and a run has put it back: the pods of both templates have the checksum of the
// kit, which is of the values that they read.

const annotations = { 'keybuzz.io/checksum': 'one' }
const templateOf = (image: string, more: Readonly<Record<string, string>> = {}) => ({
  metadata: { labels: { app: 'n8n', ...more }, annotations },
  spec: { containers: [{ name: 'n8n', image }] },
})

const deployment = (served: number): LiveObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'n8n', uid: 'd', generation: 3 },
  spec: {
    replicas: 1,
    strategy: { type: 'Recreate' },
    selector: { matchLabels: { app: 'n8n' } },
    template: templateOf('right'),
  },
  // With strategy Recreate the controller has seen the generation before it makes the ReplicaSet.
  status: { observedGeneration: 3, replicas: served, updatedReplicas: served, availableReplicas: served },
})

const replicaSet = (image: string, more: object = {}, uid = 'd'): LiveObject => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: {
    name: `n8n-${image}`,
    uid: `set-${image}`,
    labels: { app: 'n8n', 'pod-template-hash': image },
    ownerReferences: [{ kind: 'Deployment', name: 'n8n', uid }],
  },
  spec: { template: templateOf(image, { 'pod-template-hash': image }) },
  ...more,
})

const podOf = (image: string, status: object): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `n8n-${image}-1`,
    uid: image,
    annotations,
    labels: { app: 'n8n', 'pod-template-hash': image },
    ownerReferences: [{ kind: 'ReplicaSet', name: `n8n-${image}`, uid: `set-${image}` }],
  },
  status,
})
const absent = podOf('absent', {
  containerStatuses: [
    { name: 'n8n', image: 'absent', restartCount: 0, state: { waiting: { reason: 'ImagePullBackOff' } } },
  ],
})
const ready = podOf('right', { conditions: [{ type: 'Ready', status: 'True' }] })

const isNewest = (sets: readonly LiveObject[], pod: LiveObject): boolean =>
  isOfNewest(deployment(0), sets)(pod as unknown as Pod)

test('pods of the newest template are those of the ReplicaSet with the Deployment’s own', () => {
  const sets = [replicaSet('absent'), replicaSet('right')]
  assert.equal(isNewest(sets, ready), true)
  assert.equal(isNewest(sets, absent), false)
})

test('there is none before the controller has made that ReplicaSet, and none of another Deployment', () => {
  assert.equal(isNewest([replicaSet('absent')], absent), false)
  assert.equal(isNewest([replicaSet('right', {}, 'another')], ready), false)
})

test('of a StatefulSet they have the revision its controller has made of this generation', () => {
  const set = (observedGeneration: number): LiveObject => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'store', generation: 2 },
    status: { observedGeneration, updateRevision: 'store-2' },
  })
  const pod = (revision: string): Pod => ({ metadata: { labels: { 'controller-revision-hash': revision } } })
  assert.equal(isOfNewest(set(2), [])(pod('store-2')), true)
  assert.equal(isOfNewest(set(2), [])(pod('store-1')), false)
  assert.equal(isOfNewest(set(1), [])(pod('store-2')), false)
})

const resources: Readonly<Record<string, string>> = {
  Deployment: 'deployments.apps',
  StatefulSet: 'statefulsets.apps',
  ReplicaSet: 'replicasets.apps',
  Pod: 'pods',
}

interface World {
  /** What the lists have. */
  readonly first: readonly LiveObject[]
  /** What the watches add some milliseconds later. */
  readonly later?: readonly LiveObject[]
  /** The resource whose list comes after all others. */
  readonly lateList?: string
  /** What the API server answers to other questions. */
  readonly answer?: readonly LiveObject[]
}

/** Waits for a workload of this world. */
function waitFor(named: string, { first, later = [], lateList, answer = [] }: World): Promise<void> {
  const api = fakeApi(() => answer, {
    async watch(resource, _namespace, signal) {
      const of = (objects: readonly LiveObject[]) =>
        objects.filter(({ kind }) => resources[kind] === resource)
      if (resource === lateList) await pause(50)
      const { events } = watchOf(signal)
      const body = events as unknown as NodeJS.WritableStream
      setTimeout(() => of(later).forEach((one) => body.write(added(one))), 50)
      return { objects: of(first), version: '1', events }
    },
  })
  const limits = { deadline: 20, noProgress: 20 }
  return waitForDeployments({ api } as unknown as Kubectl, 'a', [named], [], limits)
}

const rolledOut = [deployment(1), replicaSet('right'), ready]

test('a pod of the template before that cannot start ends no wait for the newest', async () => {
  await waitFor('n8n', { first: [deployment(0), replicaSet('absent'), absent], later: rolledOut })
})

const refused = {
  status: { conditions: [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota: small' }] },
}

const endsWith = (message: RegExp, hint: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof KitError)
  assert.match(thrown.message, message)
  assert.match(thrown.hint ?? '', hint)
  return true
}

test('pods refused to the ReplicaSet before end no wait; those refused to the newest do', async () => {
  await waitFor('n8n', { first: [deployment(0), replicaSet('absent', refused)], later: rolledOut })
  await assert.rejects(
    waitFor('n8n', { first: [deployment(0), replicaSet('right', refused)] }),
    endsWith(/^deployment\/n8n cannot start: its pods are refused/, /quota/),
  )
})

test('an old pod on a dead node ends no wait whose ReplicaSets are listed last: the new pod is there', async () => {
  const ending = podOf('absent', {})
  ending.metadata.deletionTimestamp = new Date(Date.now() - 3_600_000).toISOString()
  ending['spec'] = { nodeName: 'k8s-2' }
  const dead: LiveObject = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'k8s-2' },
    status: { conditions: [{ type: 'Ready', status: 'Unknown' }] },
  }
  // Not served yet, so that the wait does not end before they are listed.
  const first = [deployment(0), replicaSet('right'), ready, ending]
  await waitFor('n8n', { first, later: [deployment(1)], lateList: 'replicasets.apps', answer: [dead] })
})

test('a StatefulSet waits for its broken pod of an earlier template for ever: told, with the way out', async () => {
  const set = (podManagementPolicy: string, observedGeneration = 2): LiveObject => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'n8n', generation: 2 },
    spec: { ...(deployment(0)['spec'] as object), podManagementPolicy },
    status: { observedGeneration, updateRevision: `n8n-${observedGeneration}` },
  })
  absent.metadata.labels = { app: 'n8n', 'controller-revision-hash': 'n8n-1' }
  await assert.rejects(
    waitFor('statefulset/n8n', { first: [set('OrderedReady'), absent] }),
    endsWith(
      /its pod of an earlier template is not replaced: image/,
      /^kubectl --namespace a delete pod n8n-absent-1 /,
    ),
  )
  const served = {
    ...set('Parallel'),
    status: {
      observedGeneration: 2,
      updateRevision: 'n8n-2',
      replicas: 1,
      updatedReplicas: 1,
      availableReplicas: 1,
    },
  }
  const newer = {
    ...ready,
    metadata: { ...ready.metadata, labels: { app: 'n8n', 'controller-revision-hash': 'n8n-2' } },
  }
  await waitFor('statefulset/n8n', { first: [set('Parallel'), absent], later: [served, newer] })
  // The pod's own template may be the newest one: its controller has not said so yet.
  await waitFor('statefulset/n8n', { first: [set('OrderedReady', 1), absent], later: [served, newer] })
})
