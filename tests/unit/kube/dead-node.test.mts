import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { createHeldCheck } from '../../../lib/kube/dead-node.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import { waitUntilGone } from '../../../lib/kube/objects.mts'
import { waitForDeployments } from '../../../lib/kube/rollout/deployments.mts'
import { waitForJob } from '../../../lib/kube/rollout/job-wait.mts'
import { ensureJob } from '../../../lib/kube/rollout/job.mts'
import type { Job, LiveObject } from '../../../lib/kube/types.mts'
import { added, fakeApi, watchOf } from './fake-api.mts'

const deployment = (type: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'n8n', generation: 2 },
  spec: { replicas: 1, strategy: { type }, selector: { matchLabels: { app: 'n8n' } }, template: {} },
  status: { observedGeneration: 2, replicas: 0 },
})

/** A pod of an older template on k8s-2 that is being deleted; its time to end is over, or still runs. */
const ending = (at: number) => ({
  kind: 'Pod',
  metadata: {
    name: 'n8n-old',
    labels: { app: 'n8n' },
    annotations: { 'keybuzz.io/checksum': 'old' },
    deletionTimestamp: new Date(at).toISOString(),
  },
  spec: { nodeName: 'k8s-2' },
})

const node = (status: string) => ({
  kind: 'Node',
  metadata: { name: 'k8s-2' },
  status: { conditions: [{ type: 'Ready', status, message: 'Kubelet stopped posting node status.' }] },
})

/** A stand-in of kubectl that watches these objects for ever, and knows this node. */
function watching(kind: string, workload: object, pods: readonly object[], ready: string): Kubectl {
  const api = fakeApi(({ kinds }) => [kinds === 'nodes' ? node(ready) : workload], {
    watch(watched, _namespace, signal) {
      const objects = watched === kind ? [workload] : watched === 'pods' ? pods : []
      return Promise.resolve(watchOf(signal, ...objects.map(added)))
    },
  })
  return { api } as unknown as Kubectl
}

const limits = { deadline: 4, noProgress: 60 }

function waitFor(strategy: string, deletedAt: number, ready: string): Promise<void> {
  const kubectl = watching('deployments.apps', deployment(strategy), [ending(deletedAt)], ready)
  return waitForDeployments(kubectl, 'a', ['n8n'], [], limits)
}

test('a Recreate Deployment whose old pod is on a node that is off is told at once, with the node and the way', async () => {
  const started = performance.now()
  await assert.rejects(waitFor('Recreate', Date.now() - 60_000, 'Unknown'), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.rolloutFailed)
    assert.match(thrown.message, /old pod cannot end: its node does not answer/)
    assert.match(thrown.details[0] ?? '', /^n8n-old on k8s-2: Node k8s-2 is not Ready/)
    assert.match(thrown.hint ?? '', /kubectl delete node k8s-2/)
    return true
  })
  assert.ok(performance.now() - started < 3500, 'in seconds')
})

test('an old pod that may still end is waited for, and named', async () => {
  const late = { exitCode: exitCodes.rolloutFailed, message: /4 s have passed/ }
  await Promise.all([
    assert.rejects(waitFor('Recreate', Date.now() + 60_000, 'Unknown'), late),
    assert.rejects(waitFor('Recreate', Date.now() - 60_000, 'True'), (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.match(thrown.details[0] ?? '', /its old pod n8n-old on k8s-2 is still ending/)
      return true
    }),
    assert.rejects(waitFor('RollingUpdate', Date.now() - 60_000, 'Unknown'), late),
    // Its kubelet says so itself: it lives.
    assert.rejects(waitFor('Recreate', Date.now() - 60_000, 'False'), late),
  ])
})

/** A Deployment, its newest ReplicaSet and a pod of it that found no node. */
const unplaced = (): Record<string, object[]> => {
  const { spec, ...live } = deployment('RollingUpdate')
  const owner = (kind: string, uid: string) => ({ ownerReferences: [{ kind, name: 'n8n', uid }] })
  const message =
    '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }.'
  const scheduled = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }
  return {
    'deployments.apps': [{ ...live, spec, metadata: { ...live.metadata, uid: 'd' } }],
    'replicasets.apps': [
      { kind: 'ReplicaSet', metadata: { name: 'n8n-1', uid: 'r', ...owner('Deployment', 'd') }, spec },
    ],
    pods: [
      {
        kind: 'Pod',
        metadata: { name: 'n8n-new', labels: { app: 'n8n' }, ...owner('ReplicaSet', 'r') },
        status: { phase: 'Pending', conditions: [scheduled] },
      },
    ],
  }
}

test('a pod that finds no node does not wait for those of a dead one to free theirs; for those of a live one it does', async () => {
  const wait = (ready: string, at: number) => {
    const { pods = [], ...others } = unplaced()
    const shown: Record<string, object[]> = { ...others, pods: [ending(at), ...pods] }
    const api = fakeApi(({ kinds }) => (kinds === 'nodes' ? [node(ready)] : []), {
      // Listed, not as events: whatever is judged is judged of all of them.
      watch: (kind, _namespace, signal) =>
        Promise.resolve({ ...watchOf(signal), objects: (shown[kind] ?? []) as LiveObject[] }),
    })
    return waitForDeployments({ api } as unknown as Kubectl, 'a', ['n8n'], [], limits)
  }
  await Promise.all([
    assert.rejects(wait('Unknown', Date.now() - 60_000), {
      message: 'deployment/n8n cannot start: no node can take it',
      hint: /^start k8s-2 again, not Ready now; or /,
    }),
    assert.rejects(wait('True', Date.now() - 60_000), { message: /4 s have passed/ }),
    assert.rejects(wait('Unknown', Date.now() + 60_000), { message: /4 s have passed/ }),
  ])
})

test('a StatefulSet waits for each old pod: the next one has its name, whether or not another is new', async () => {
  const live = { ...deployment(''), kind: 'StatefulSet', metadata: { name: 'qdrant', generation: 2 } }
  const other = { ...ending(0), metadata: { name: 'qdrant-1', labels: { app: 'n8n' } } }
  for (const pods of [[], [other]]) {
    const all = [ending(Date.now() - 60_000), ...pods]
    const kubectl = watching('statefulsets.apps', live, all, 'Unknown')
    await assert.rejects(waitForDeployments(kubectl, 'a', ['statefulset/qdrant'], [], limits), {
      message: /^statefulset\/qdrant cannot start: its old pod cannot end: its node does not answer$/,
      hint: /kubectl delete node k8s-2/,
    })
  }
})

test('a Job whose pod is on a node that is off is told at once; one that may still end is waited for', async () => {
  const live = { kind: 'Job', metadata: { name: 'prepare' }, status: { active: 1, ready: 0, terminating: 1 } }
  const labels = { 'batch.kubernetes.io/job-name': 'prepare' }
  const pod = { ...ending(0), metadata: { ...ending(Date.now() - 60_000).metadata, labels } }
  const wait = (ready: string) =>
    waitForJob(
      watching('jobs.batch', live, [pod], ready),
      { namespace: 'a', name: 'prepare', deadlineSeconds: -58 },
      [],
    )
  await assert.rejects(wait('Unknown'), {
    exitCode: exitCodes.rolloutFailed,
    message: 'job/prepare: a pod cannot end, its node does not answer',
    details: ['n8n-old on k8s-2: Node k8s-2 is not Ready: Kubelet stopped posting node status.'],
    hint: /kubectl delete node k8s-2/,
  })
  await assert.rejects(wait('True'), { message: /^job\/prepare did not end/ })
})

test('a Job is not made while the pod of an earlier one cannot end: both would do the same at once', async () => {
  const metadata = { name: 'prepare-1', namespace: 'a', labels: { 'keybuzz.io/job': 'prepare' } }
  const older = { ...left('Job', ''), metadata, status: { active: 1, ready: 0, terminating: 1 } }
  const labels = { 'batch.kubernetes.io/job-name': 'prepare-1' }
  const pod = { ...ending(0), metadata: { ...ending(Date.now() - 60_000).metadata, labels } }
  const writes = createWrites({ planning: false, guard: () => Promise.resolve() })
  const made = ensureJob({ kind: 'Job', metadata: { ...metadata, name: 'prepare-2' } } as Job, {
    kubectl: watching('jobs.batch', older, [pod], 'Unknown'),
    writes,
    failures: [],
    live: () => Promise.resolve(new Map([['Job a/prepare-1', older]])),
  })
  await assert.rejects(made, { message: 'job/prepare-1: a pod cannot end, its node does not answer' })
  assert.deepEqual(writes.changes, [])
})

const owned = (kind: string, name: string, at = Date.now() - 60_000) =>
  ({
    ...ending(at),
    metadata: { ...ending(at).metadata, namespace: 'a', ownerReferences: [{ kind, name }] },
  }) as unknown as LiveObject
const left = (kind: string, name: string): LiveObject => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, ...(kind === 'Namespace' ? {} : { namespace: 'a' }), uid: '1', deletionTimestamp: 'now' },
})

/** An API server with one pod, in which the objects being deleted stay. */
const holding = (pod: LiveObject, ...objects: LiveObject[]) => {
  const api = fakeApi(({ kinds }) =>
    kinds === 'nodes' ? [node('Unknown')] : kinds === 'pods' ? [pod] : objects,
  )
  return { api } as unknown as Kubectl
}

test('objects that are not gone because a pod of theirs is on a node that is off: told in seconds, with the node', async () => {
  for (const [live, pod] of [
    [left('Deployment', 'n8n'), owned('ReplicaSet', 'n8n-6f9c')],
    [left('StatefulSet', 'qdrant'), owned('StatefulSet', 'qdrant')],
    [left('Job', 'prepare'), owned('Job', 'prepare')],
    [left('Pod', 'n8n-old'), owned('ReplicaSet', 'n8n-6f9c')],
    [left('Namespace', 'a'), owned('ReplicaSet', 'n8n-6f9c')],
  ] as const) {
    await assert.rejects(waitUntilGone(holding(pod, live), [live], 4, 10), {
      exitCode: exitCodes.rolloutFailed,
      message: '1 objects are not gone: a pod cannot end, its node does not answer',
      details: ['n8n-old on k8s-2: Node k8s-2 is not Ready: Kubelet stopped posting node status.'],
    })
  }
})

test('the longest grace period of the pods they wait for is given, also between two requests', async () => {
  const pod = owned('ReplicaSet', 'n8n-6f9c', Date.now() + 3_600_000)
  const slow = { ...pod, spec: { ...(pod['spec'] as object), terminationGracePeriodSeconds: 3630 } }
  const check = createHeldCheck(holding(slow), 5)
  const namespace = left('Namespace', 'a')
  assert.deepEqual([await check([namespace], 4), await check([namespace], 5)], [0, 3630])
  assert.equal(await check([namespace], 6), 3630)
})

test('a pod that is not theirs, or may still end, ends no wait; and nothing is asked before the time', async () => {
  const check = (live: LiveObject, pod: LiveObject, seconds = 9) =>
    createHeldCheck(holding(pod), 5)([live], seconds)
  await check(left('Deployment', 'n8n'), owned('ReplicaSet', 'n8n-worker-6f9c'))
  await check(left('Deployment', 'n8n'), owned('StatefulSet', 'n8n'))
  await check(left('Secret', 'n8n'), owned('ReplicaSet', 'n8n-6f9c'))
  await check(left('Deployment', 'n8n'), owned('ReplicaSet', 'n8n-6f9c', Date.now() + 60_000))
  await check(left('Deployment', 'n8n'), owned('ReplicaSet', 'n8n-6f9c'), 4)
})
