import assert from 'node:assert/strict'
import { test } from 'node:test'
import { amountOf } from '../../../../lib/kube/amounts.mts'
import {
  freest,
  isOnNode,
  nodesFor,
  roomOn,
  shortageOf,
  type NodeRoom,
  type Starting,
} from '../../../../lib/kube/apply/room.mts'
import type { LiveObject, PodSpec } from '../../../../lib/kube/types.mts'

interface NodeMore {
  readonly labels?: Record<string, string>
  readonly spec?: object
  readonly ready?: string
}

const nodeOf = (name: string, cpu: string, memory = '8Gi', more: NodeMore = {}): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: more.labels ?? {} },
  spec: more.spec ?? {},
  status: {
    allocatable: { cpu, memory },
    conditions: [{ type: 'Ready', status: more.ready ?? 'True' }],
  },
})

const asking = (cpu: string, memory = '0'): PodSpec => ({
  containers: [{ name: 'one', resources: { requests: { cpu, memory } } }],
})

const podOn = (nodeName: string | undefined, cpu: string, more: object = {}): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'one', namespace: 'a' },
  spec: { ...asking(cpu), ...(nodeName === undefined ? {} : { nodeName }) },
  status: { phase: 'Running' },
  ...more,
})

const freeOf = (nodes: LiveObject[], pods: LiveObject[] = [], gone: LiveObject[] = []) =>
  roomOn(nodes, pods, new Set(gone)).map(({ name, free }) => `${name} ${free.cpuMillis}`)

test('free is what a node may give away less the requests of the pods on it that have not ended', () => {
  const nodes = [nodeOf('w1', '2'), nodeOf('w2', '1')]
  const ended = (phase: string) => podOn('w1', '1', { status: { phase } })
  const replaced = podOn('w1', '1')
  const pods = [
    podOn('w1', '300m'),
    podOn('w1', '200m'),
    podOn('w2', '1500m'),
    podOn(undefined, '1'),
    podOn('elsewhere', '1'),
    ended('Succeeded'),
    ended('Failed'),
    podOn('w1', '1', { metadata: { name: 'one', deletionTimestamp: '2026-11-30T10:00:00Z' } }),
    podOn('w1', '1', { spec: { ...asking('1'), nodeName: 'w1', priority: -1 } }),
    replaced,
  ]
  assert.deepEqual(freeOf(nodes, pods, [replaced]), ['w1 1500', 'w2 0'])
  assert.deepEqual(freeOf(nodes, pods), ['w1 500', 'w2 0'])
  assert.deepEqual([isOnNode(podOn(undefined, '1')), isOnNode(podOn('', '1'))], [false, false])
})

test('a node that is not Ready, or cordoned, has no room; one that says nothing of itself has none either', () => {
  const nodes = [
    nodeOf('down', '2', '8Gi', { ready: 'Unknown' }),
    nodeOf('cordoned', '2', '8Gi', { spec: { unschedulable: true } }),
    nodeOf('w1', '2'),
    { ...nodeOf('new', '2'), status: { conditions: [{ type: 'Ready', status: 'True' }] } },
  ]
  assert.deepEqual(freeOf(nodes), ['w1 2000', 'new 0'])
})

test('taints must be tolerated, and labels be there', () => {
  const taint = { key: 'role', value: 'db', effect: 'NoSchedule' }
  const rooms = roomOn(
    [
      nodeOf('tainted', '2', '8Gi', { spec: { taints: [taint] } }),
      nodeOf('soft', '2', '8Gi', { spec: { taints: [{ ...taint, effect: 'PreferNoSchedule' }] } }),
      nodeOf('labelled', '2', '8Gi', { labels: { disk: 'ssd' } }),
    ],
    [],
    new Set(),
  )
  const names = (more: Partial<PodSpec>) =>
    nodesFor({ ...asking('1'), ...more }, rooms).map(({ name }) => name)
  assert.deepEqual(names({}), ['soft', 'labelled'])
  assert.deepEqual(names({ nodeSelector: { disk: 'ssd' } }), ['labelled'])
  assert.deepEqual(names({ nodeSelector: { disk: 'hdd' } }), [])
  for (const [one, isTolerated] of [
    [{ operator: 'Exists' }, true],
    [{ key: 'role', operator: 'Exists' }, true],
    [{ key: 'role', value: 'db' }, true],
    [{ key: 'role', value: 'db', operator: 'Equal', effect: 'NoSchedule' }, true],
    [{ key: 'role', value: 'web' }, false],
    [{ key: 'role' }, false],
    [{ key: 'other', operator: 'Exists' }, false],
    [{ key: 'role', value: 'db', effect: 'NoExecute' }, false],
  ] as const)
    assert.equal(names({ tolerations: [one] }).includes('tainted'), isTolerated, JSON.stringify(one))
})

const room = (name: string, cpu: string, memory = '8Gi'): NodeRoom => ({
  name,
  node: nodeOf(name, cpu, memory),
  free: amountOf({ cpu, memory }),
})

const pods = (what: string, count: number, cpu: string, memory = '0'): Starting => ({
  what,
  pod: asking(cpu, memory),
  request: amountOf({ cpu, memory }),
  count,
})

test('the pods of one workload alone: how many of them the nodes take, by CPU or by memory', () => {
  const litellm = pods('Deployment llm/litellm', 2, '500m', '1Gi')
  const shortage = (...rooms: NodeRoom[]) => shortageOf([litellm], rooms)
  assert.equal(shortage(room('w1', '500m'), room('w2', '500m')), undefined)
  assert.equal(shortage(room('w1', '1')), undefined)
  // 0.9 and 0.4: enough together, and still no room for the second.
  assert.deepEqual(shortage(room('w1', '900m'), room('w2', '400m')), {
    is: 'workload',
    one: litellm,
    fitting: 1,
  })
  assert.deepEqual(shortage(room('w1', '300m'), room('w2', '300m')), {
    is: 'workload',
    one: litellm,
    fitting: 0,
  })
  assert.deepEqual(shortage(room('w1', '4', '1Gi')), { is: 'workload', one: litellm, fitting: 1 })
  assert.deepEqual(shortage(), { is: 'workload', one: litellm, fitting: 0 })
})

test('pods that fit alone and not together are short of the total, on the nodes that take one of them', () => {
  const all = [pods('Deployment a/one', 2, '500m'), pods('Deployment a/two', 1, '400m')]
  assert.deepEqual(shortageOf(all, [room('w1', '700m'), room('w2', '600m')]), {
    is: 'total',
    wanted: amountOf({ cpu: '1400m' }),
    free: amountOf({ cpu: '1300m', memory: '16Gi' }),
  })
  const closed = {
    ...room('w3', '4'),
    node: nodeOf('w3', '4', '8Gi', { spec: { taints: [{ effect: 'NoSchedule' }] } }),
  }
  assert.equal(shortageOf(all, [room('w1', '700m'), room('w2', '600m'), closed])?.is, 'total')
})

test('the largest pods are placed first; when one then finds no node, only the order is to blame', () => {
  const small = pods('Deployment a/small', 4, '300m')
  const large = pods('Deployment a/large', 1, '800m')
  assert.equal(shortageOf([small, large], [room('w1', '1'), room('w2', '1200m')]), undefined)
  assert.deepEqual(shortageOf([small, large], [room('w1', '1'), room('w2', '1100m')]), {
    is: 'order',
    one: small,
  })
  assert.equal(shortageOf([], []), undefined)
  assert.equal(shortageOf([pods('Deployment a/free', 3, '0')], [room('w1', '0', '0')]), undefined)
})

test('the node with most of a resource is named by it', () => {
  const rooms = [room('w1', '1', '2Gi'), room('w2', '2', '1Gi')]
  assert.deepEqual([freest(rooms, 'cpuMillis')?.name, freest(rooms, 'memoryBytes')?.name], ['w2', 'w1'])
  assert.equal(freest([], 'cpuMillis'), undefined)
})
