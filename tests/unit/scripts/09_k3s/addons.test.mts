import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Kube } from '../../../../lib/kube/apply/kube.mts'
import { nameOf, type LiveObject, type Manifest } from '../../../../lib/kube/types.mts'
import { addonsAreSpread, spreadAddons } from '../../../../scripts/09_k3s/addons/apply.mts'
import { crowdedPods } from '../../../../scripts/09_k3s/addons/placement.mts'
import { addonObjects, spreadOf } from '../../../../scripts/09_k3s/addons/spread.mts'

// On how many nodes DNS and metrics are put, and what is sent for it.

const node = (
  name: string,
  { version = 'v1.36.5+k3s1', ready = true, taints = [] as object[] } = {},
): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: { taints },
  status: {
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    nodeInfo: { kubeletVersion: version },
  },
})
const many = (number: number, options = {}): LiveObject[] =>
  Array.from({ length: number }, (_, at) => node(`node-${at}`, options))

for (const [what, nodes, spread] of [
  ['one node', many(1), { dns: 1, metrics: 1, near: true }],
  ['five nodes', many(5), { dns: 5, metrics: 2, near: true }],
  ['twelve nodes', many(12), { dns: 10, metrics: 2, near: true }],
  [
    'a Kubernetes that cannot prefer a node',
    many(5, { version: 'v1.33.9' }),
    { dns: 2, metrics: 2, near: false },
  ],
  [
    'one node that is not upgraded yet',
    [...many(4), node('old', { version: 'v1.33.9' })],
    { dns: 2, metrics: 2, near: false },
  ],
  [
    'a node whose taint the addons do not bear, and masters, whose they do',
    [
      node('a', { taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] }),
      node('b', { taints: [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }] }),
      node('c', { taints: [{ key: 'example.com/gpu', effect: 'NoSchedule' }] }),
      node('d', { taints: [{ key: 'example.com/slow', effect: 'PreferNoSchedule' }] }),
    ],
    { dns: 3, metrics: 2, near: true },
  ],
] as const) {
  test(`${what}: DNS on ${spread.dns}, metrics on ${spread.metrics}`, () =>
    assert.deepEqual(spreadOf(nodes), spread))
}

test('each is held at its number by an autoscaler, and may not be drained away as a whole', () => {
  const objects = addonObjects(many(5)) as (Manifest & { spec: Record<string, unknown> })[]
  assert.deepEqual(
    objects.map((one) => [
      nameOf(one),
      one.spec['minReplicas'] ?? one.spec['maxUnavailable'],
      one.spec['maxReplicas'] ?? one.spec['selector'],
    ]),
    [
      ['HorizontalPodAutoscaler kube-system/keybuzz-coredns', 5, 5],
      ['PodDisruptionBudget kube-system/keybuzz-coredns', '50%', { matchLabels: { 'k8s-app': 'kube-dns' } }],
      ['HorizontalPodAutoscaler kube-system/keybuzz-metrics-server', 2, 2],
      [
        'PodDisruptionBudget kube-system/keybuzz-metrics-server',
        1,
        { matchLabels: { 'k8s-app': 'metrics-server' } },
      ],
    ],
  )
  // K3s' own objects are not among them: they would be deleted with those of the kit.
  assert.ok(objects.every(({ metadata }) => metadata?.name?.startsWith('keybuzz-')))
})

const pod = (nodeName: string, tolerationSeconds = 30): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `pod-${nodeName}` },
  spec: { nodeName, tolerations: [{ key: 'node.kubernetes.io/unreachable', tolerationSeconds }] },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
})

/** A cluster as a step sees it, and what it did. */
function clusterOf(
  nodes: LiveObject[],
  pods: { dns: LiveObject[]; metrics: LiveObject[] },
  replicas: Record<string, number> = {},
) {
  const done: string[] = []
  const kube = {
    list: (kind: string, { labels }: { labels?: Record<string, string> }) =>
      Promise.resolve(
        kind === 'nodes' ? nodes : labels?.['k8s-app'] === 'kube-dns' ? pods.dns : pods.metrics,
      ),
    get: (_: string, name: string, namespace: string) =>
      Promise.resolve({
        kind: 'Deployment',
        metadata: { namespace, name },
        spec: { replicas: replicas[name] ?? 1 },
      }),
    apply: (all: readonly Manifest[]) => Promise.resolve(void done.push(`apply ${all.length}`)),
    waitForRollout: (_: string, ...names: string[]) =>
      Promise.resolve(void done.push(`wait ${names.join(' ')}`)),
    evict: (one: LiveObject) => Promise.resolve(void done.push(`evict ${one.metadata.name}`)),
    setFields: (all: readonly Manifest[]) => Promise.resolve(void done.push(`set ${all.map(nameOf).join()}`)),
  }
  return { kube: kube as unknown as Kube, done }
}
const right = {
  dns: ['node-0', 'node-1', 'node-2'].map((name) => pod(name)),
  metrics: [pod('node-0'), pod('node-1')],
}

test('the objects, the rollout, then the field of kube-dns; pods that leave in time are not made anew', async () => {
  const { kube, done } = clusterOf(many(3), right)
  await spreadAddons(kube)
  assert.deepEqual(done, ['apply 4', 'wait coredns metrics-server', 'set Service kube-system/kube-dns'])
})

test('pods from before the API servers were told are made anew, once for each addon', async () => {
  const { kube, done } = clusterOf(many(3), { ...right, dns: [pod('node-0', 300)] })
  await spreadAddons(kube)
  assert.deepEqual(done.slice(2), ['set Service kube-system/kube-dns', 'set Deployment kube-system/coredns'])
})

test('while a node is lost no rollout is waited for, and its own pod is not asked for', async () => {
  const nodes = [...many(3), node('lost', { ready: false })]
  const { kube, done } = clusterOf(nodes, right)
  await spreadAddons(kube)
  assert.deepEqual(done, ['apply 4', 'set Service kube-system/kube-dns'])
  assert.equal(await addonsAreSpread(kube).missing(), '')
})

test('a Kubernetes that cannot prefer a node keeps its Service as it is', async () => {
  const { kube, done } = clusterOf(many(3, { version: 'v1.33.9' }), right)
  await spreadAddons(kube)
  assert.ok(!done.some((one) => one.startsWith('set')))
})

test('what lacks is named, by node while every node is to have one', async () => {
  const { kube } = clusterOf(many(3), { dns: right.dns.slice(1), metrics: right.metrics.slice(1) })
  assert.equal(await addonsAreSpread(kube).missing(), 'coredns: none on node-0; metrics-server: 1 of 2 nodes')
})

test('an addon that was scaled to 0 is named at once, with the command: its autoscaler does not bring it back', async () => {
  const away = { dns: [], metrics: right.metrics }
  await assert.rejects(addonsAreSpread(clusterOf(many(3), away, { coredns: 0 }).kube).missing(), {
    exitCode: 9,
    message: 'Deployment kube-system/coredns is scaled to 0',
    hint: 'kubectl --namespace kube-system scale deployment/coredns --replicas=1; then run the same command again',
  })
})

const aged = (name: string, nodeName: string, second: number): LiveObject => ({
  ...pod(nodeName),
  metadata: { name, creationTimestamp: `2026-11-29T10:00:${String(second).padStart(2, '0')}Z` },
})

test('pods that came to stand on one node are brought apart, one after another, the youngest of them', async () => {
  const dns = [aged('old', 'node-0', 1), aged('young', 'node-0', 9), aged('other', 'node-1', 5)]
  const { kube, done } = clusterOf(many(3), { ...right, dns })
  await spreadAddons(kube)
  assert.deepEqual(done.slice(3), ['evict young', 'wait coredns'])
})

const crowded = [aged('old', 'node-0', 1), aged('young', 'node-0', 9), aged('younger', 'node-0', 10)]
const waiting: LiveObject = { ...aged('new', '', 11), status: { phase: 'Pending' } }
const cordoned = node('node-1', {
  taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }],
})
for (const [what, nodes, pods, moved] of [
  ['no more than there is room for', many(2), crowded, ['younger']],
  ['a node each, the youngest first', many(4), crowded, ['younger', 'young']],
  ['nothing while a pod waits for its node', many(2), [...crowded, waiting], []],
  ['nothing to a node that is cordoned', [node('node-0'), cordoned], crowded, []],
  ['nothing to a node that is lost', [node('node-0'), node('node-1', { ready: false })], crowded, []],
  ['nothing where every node has one', many(1), crowded, []],
] as const)
  test(`brought apart: ${what}`, () =>
    assert.deepEqual(
      crowdedPods(nodes, pods).map(({ metadata }) => metadata.name),
      moved,
    ))
