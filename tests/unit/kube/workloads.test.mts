import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBreaking, type BreakingOptions } from '../../../lib/checks/drills.mts'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { prunableKinds } from '../../../lib/kube/apply/ownership.mts'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import { statefulSet, volumeClaim } from '../../../lib/kube/manifests/stateful.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import { waitForDeployments } from '../../../lib/kube/rollout/deployments.mts'
import { healthOf } from '../../../lib/kube/rollout/health.mts'
import { endpointLag } from '../../../lib/kube/rollout/service-endpoints.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { isWorkload, namedBy, resourceOf, workloadOf } from '../../../lib/kube/workloads.mts'
import { inRemovalOrder } from '../../../lib/verbs/uninstall.mts'
import { added, fakeApi, watchOf } from './fake-api.mts'

// A StatefulSet is waited for, judged, broken and removed as a Deployment is; its volume outlives it.

const labels = { app: 'store' }
const annotations = { 'keybuzz.io/checksum': 'one' }
const live = (kind: string, available: number): LiveObject => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name: 'store', namespace: 'a', generation: 1 },
  spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels, annotations } } },
  status: {
    observedGeneration: 1,
    replicas: 1,
    updatedReplicas: 1,
    availableReplicas: available,
    updateRevision: 'store-1',
  },
})
const pod = (ready: boolean): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'store-0',
    namespace: 'a',
    uid: 'u',
    labels: { ...labels, 'controller-revision-hash': 'store-1' },
    annotations,
  },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
})
const service: LiveObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'store', namespace: 'a' },
  spec: { selector: labels },
}
const slice: LiveObject = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'store-1', namespace: 'a', labels: { 'kubernetes.io/service-name': 'store' } },
  endpoints: [{ conditions: { ready: true }, targetRef: { kind: 'Pod', name: 'store-0' } }],
}

test('a step names a StatefulSet by its kind, a Deployment by its name alone', () => {
  assert.deepEqual(workloadOf('statefulset/store'), { kind: 'StatefulSet', name: 'store' })
  assert.deepEqual(workloadOf('store'), { kind: 'Deployment', name: 'store' })
  for (const kind of ['StatefulSet', 'Deployment'] as const) {
    assert.deepEqual(workloadOf(namedBy(live(kind, 1))), { kind, name: 'store' })
    assert.ok(isWorkload(live(kind, 1)))
  }
  assert.equal(resourceOf('StatefulSet'), 'statefulsets.apps')
  assert.ok(!isWorkload(service) && !isWorkload({ kind: 'toString' }))
})

/** A stand-in of kubectl that watches one StatefulSet and its pod. */
function watching(available: number): Kubectl {
  const seen: Readonly<Record<string, LiveObject>> = {
    'statefulsets.apps': live('StatefulSet', available),
    pods: pod(available > 0),
  }
  const api = fakeApi(() => [live('StatefulSet', available), pod(true), service, slice], {
    watch: (kind, _namespace, signal) => {
      const object = seen[kind]
      return Promise.resolve(watchOf(signal, ...(object === undefined ? [] : [added(object)])))
    },
  })
  return { api } as unknown as Kubectl
}

test('a StatefulSet is waited for by its own kind, and called by it', async () => {
  await waitForDeployments(watching(1), 'a', ['statefulset/store'], [])
  await assert.rejects(
    waitForDeployments(watching(0), 'a', ['statefulset/store'], [], { deadline: 1, noProgress: 60 }),
    (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.match(thrown.message, /^statefulset\/store did not become ready: 1 s have passed/)
      assert.match(thrown.details.join('\n'), /^statefulset\/store 0\/1 ready: store-0/)
      return true
    },
  )
})

test('its Service sends to its pod before the wait ends', () => {
  assert.equal(endpointLag([live('StatefulSet', 1), pod(true), service, slice], ['store']), '')
  assert.match(
    endpointLag([live('StatefulSet', 1), pod(true), service], ['store']),
    /service\/store does not send/,
  )
})

test('a StatefulSet that does not serve makes its module degraded', async () => {
  const kube = { list: () => Promise.resolve([pod(false)]) } as unknown as KubeReader
  assert.equal((await healthOf(kube, [live('StatefulSet', 1)])).state, 'healthy')
  const { state, problems } = await healthOf(kube, [live('StatefulSet', 0)])
  assert.equal(state, 'degraded')
  assert.match(problems[0] ?? '', /^StatefulSet a\/store 0\/1 ready: store-0/)
})

test('a drill loses the pods of a StatefulSet, and says when there is none', async () => {
  const asked: string[] = []
  const kube = {
    reader: {
      get(kind: string, name: string) {
        asked.push(`${kind} ${name}`)
        return Promise.resolve(name === 'store' ? live('StatefulSet', 1) : undefined)
      },
      list: () => Promise.resolve([pod(true)]),
    },
    waitForRolloutUncached: (_namespace: string, names: readonly string[]) => (
      asked.push(...names),
      Promise.resolve()
    ),
  }
  const kubectl = {
    api: fakeApi(() => [], {
      removeAll: (kind, namespace, selector) => (
        asked.push(`${kind} ${namespace} ${selector}`),
        Promise.resolve()
      ),
    }),
  }
  const repairs = { make: (_changes: unknown, act: () => Promise<void>) => act() }
  const breaking = createBreaking({ kubectl, kube, repairs } as unknown as BreakingOptions)
  await breaking.losePods('a', ['statefulset/store'])
  assert.equal(asked[0], 'statefulsets.apps store')
  assert.match(asked[1] ?? '', /^pods a app=store/)
  assert.equal(asked[2], 'statefulset/store')
  await assert.rejects(breaking.losePods('a', ['statefulset/absent']), {
    exitCode: exitCodes.validationFailed,
    message: 'there is no statefulset/absent in a',
  })
})

test('an uninstall removes StatefulSets with the Deployments; no volume claim is ever pruned', () => {
  const kinds = inRemovalOrder(
    ['Secret', 'StatefulSet', 'Service', 'Ingress'].map((kind) => live(kind, 1)),
    () => '01_deploy',
  ).map(({ kind }) => kind)
  assert.deepEqual(kinds, ['Ingress', 'StatefulSet', 'Service', 'Secret'])
  const pruned: readonly string[] = prunableKinds
  assert.ok(pruned.includes('statefulsets.apps'))
  assert.ok(!pruned.some((kind) => kind.startsWith('persistentvolumeclaim')))
})

test('one pod, its volume a claim of its own: a template of the set could not grow', () => {
  const made = statefulSet({
    namespace: 'a',
    name: 'store',
    labels,
    pod: { containers: [] },
    restartOn: ['key'],
  })
  const other = statefulSet({
    namespace: 'a',
    name: 'store',
    labels,
    pod: { containers: [] },
    restartOn: ['new'],
  })
  assert.equal(made.spec?.replicas, 1)
  assert.equal(made.spec.volumeClaimTemplates, undefined)
  const checksum = (one: typeof made) => one.spec?.template.metadata?.annotations?.['keybuzz.io/checksum']
  assert.ok(checksum(made))
  assert.notEqual(checksum(made), checksum(other))
  assert.equal(volumeClaim('a', 'data', '10Gi', undefined).spec?.storageClassName, undefined)
  assert.equal(volumeClaim('a', 'data', '10Gi', 'fast').spec?.storageClassName, 'fast')
})
