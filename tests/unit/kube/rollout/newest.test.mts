import assert from 'node:assert/strict'
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

/** Waits for the Deployment: the watch shows these objects, and some milliseconds later those. */
function waitFor(first: readonly LiveObject[], later: readonly LiveObject[] = []): Promise<void> {
  const resources: Readonly<Record<string, string>> = {
    Deployment: 'deployments.apps',
    ReplicaSet: 'replicasets.apps',
    Pod: 'pods',
  }
  const api = fakeApi(() => [], {
    watch(resource, _namespace, signal) {
      const of = (objects: readonly LiveObject[]) =>
        objects.filter(({ kind }) => resources[kind] === resource).map(added)
      const { objects, events } = watchOf(signal, ...of(first))
      const body = events as unknown as NodeJS.WritableStream
      setTimeout(() => of(later).forEach((text) => body.write(text)), 50)
      return Promise.resolve({ objects, events })
    },
  })
  const limits = { deadline: 20, noProgress: 20 }
  return waitForDeployments({ api } as unknown as Kubectl, 'a', ['n8n'], [], limits)
}

test('a pod of the template before that cannot start ends no wait for the newest', async () => {
  const before = [deployment(0), replicaSet('absent'), absent]
  await waitFor(before, [deployment(1), replicaSet('right'), ready])
})

const refused = {
  status: { conditions: [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota: small' }] },
}

test('pods refused to the ReplicaSet before end no wait; those refused to the newest do', async () => {
  const before = [deployment(0), replicaSet('absent', refused)]
  await waitFor(before, [deployment(1), replicaSet('right'), ready])
  await assert.rejects(waitFor([deployment(0), replicaSet('right', refused)]), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.match(thrown.message, /^deployment\/n8n cannot start: its pods are refused/)
    return true
  })
})
