import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import { runChecks } from '../../../lib/checks/checks.mts'
import { standardChecks } from '../../../lib/checks/standard.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { bringApart } from '../../../lib/run/bring-apart.mts'
import type { Session } from '../../../lib/run/session.mts'

// Pods that came to stand on one node: the check that fails, and the run that brings them apart.

const node = (name: string, cpu = '2', spec: object = {}, ready = 'True'): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec,
  status: { allocatable: { cpu, memory: '8Gi' }, conditions: [{ type: 'Ready', status: ready }] },
})

interface PodMore {
  readonly spec?: object
  readonly ready?: string
  readonly deletionTimestamp?: string
}

/** A pod of the web part of the shop. @param second it was made at */
const web = (second: number, nodeName: string, { spec = {}, ready = 'True', ...more }: PodMore = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: 'shop-dev',
      name: `web-${second}`,
      uid: `uid-${second}`,
      creationTimestamp: `2026-11-29T10:00:0${second}Z`,
      labels: { 'app.kubernetes.io/name': 'shop', 'app.kubernetes.io/component': 'web' },
      ...more,
    },
    spec: {
      nodeName,
      containers: [{ name: 'web', resources: { requests: { cpu: '500m', memory: '1Gi' } } }],
      ...spec,
    },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: ready }],
      containerStatuses: [{ name: 'web', ready: true }],
    },
  }) as LiveObject

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { namespace: 'shop-dev', name: 'web' },
  spec: { selector: { matchLabels: { 'app.kubernetes.io/component': 'web' } } },
}

const two = [node('a'), node('b')]
const crowded = [web(1, 'a'), web(2, 'a')]

interface World {
  readonly nodes?: readonly LiveObject[]
  readonly pods?: readonly LiveObject[]
  readonly planning?: boolean
  readonly refusal?: Error
  readonly module?: object
}

/** What a run does on such a cluster: what it asks for, evicts, waits for and says. */
async function runOn(
  context: TestContext,
  { nodes = two, pods = crowded, planning = false, refusal, module = {} }: World,
) {
  const done: string[] = []
  const said: string[] = []
  const screen = context.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0)
  const guard = (gate: string) => () => Promise.resolve(void done.push(gate))
  const [writes, repairs] = ['revision', 'repair'].map((gate) =>
    createWrites({ planning, guard: guard(gate) }),
  )
  const api = {
    post: (path: string, { deleteOptions }: { deleteOptions: { preconditions: { uid: string } } }) => {
      if (refusal !== undefined) throw refusal
      return Promise.resolve(void done.push(`post ${path} ${deleteOptions.preconditions.uid}`))
    },
  }
  const kube = {
    manifests: [deployment],
    reader: {
      list: (kinds: string, { namespace = 'all' }: { namespace?: string }) => {
        done.push(`list ${kinds} of ${namespace}`)
        return Promise.resolve(kinds === 'pods' ? pods : [...nodes, ...pods])
      },
    },
    waitForRolloutUncached: (namespace: string, names: readonly string[]) =>
      Promise.resolve(void done.push(`wait ${namespace}/${names.join()}`)),
  }
  const opened = { kube, cluster: { kubectl: { api } } }
  await bringApart({ module, opened, writes, repairs } as unknown as Session<never>)
  screen.mock.restore()
  return { done, said: said.join(''), planned: writes?.changes ?? [] }
}

const lists = ['list pods of shop-dev', 'list nodes,pods of all']

test('of two pods on one node the younger is evicted, by the gate of no revision, and its successor is waited for', async (t) => {
  const { done, said } = await runOn(t, {})
  assert.deepEqual(done, [
    ...lists,
    'repair',
    'post /api/v1/namespaces/shop-dev/pods/web-2/eviction uid-2',
    'wait shop-dev/web',
  ])
  assert.match(said, /the 2 pods of Deployment shop-dev\/web share a, and b has room: web-2 was evicted/)
})

test('an eviction that a budget refuses is a warning: the pods serve; another error ends the run', async (t) => {
  const refused = (exitCode: 9 | 6) =>
    new KitError('kubectl failed', { exitCode, details: ['Cannot evict pod: it would violate the budget'] })
  const { done, said } = await runOn(t, { refusal: refused(exitCodes.rolloutFailed) })
  assert.deepEqual(done, [...lists, 'repair'])
  assert.match(said, /! .*share a, and b has room: no pod was evicted, Cannot evict pod: it would violate/)
  await assert.rejects(runOn(t, { refusal: refused(exitCodes.unreachable) }), { exitCode: 6 })
})

test('a plan shows the pod it would evict, and evicts none', async (t) => {
  const { done, planned } = await runOn(t, { planning: true })
  assert.deepEqual(done, lists)
  assert.deepEqual(planned, [{ sign: '-', what: 'Pod shop-dev/web-2' }])
})

test('pods on two nodes, and a single one, cost one request; a module that makes nodes none', async (t) => {
  for (const pods of [
    [web(1, 'a'), web(2, 'b')],
    [web(1, 'a')],
    [web(1, 'a'), web(2, 'a', { deletionTimestamp: 'x' })],
  ])
    assert.deepEqual((await runOn(t, { pods })).done, lists.slice(0, 1))
  assert.deepEqual((await runOn(t, { module: { machines: {} } })).done, [])
})

const volume = { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] }
const taint = { taints: [{ key: 'node.kubernetes.io/disk-pressure', effect: 'NoSchedule' }] }
const stay: [what: string, world: World][] = [
  ['the other node is too small', { nodes: [node('a'), node('b', '400m')] }],
  ['the other node is full', { nodes: two, pods: [...crowded, { ...web(3, 'b'), ...busy('1600m') }] }],
  ['the other node is cordoned', { nodes: [node('a'), node('b', '2', { unschedulable: true })] }],
  ['the other node is short of disk', { nodes: [node('a'), node('b', '2', taint)] }],
  ['the other node is not Ready', { nodes: [node('a'), node('b', '2', {}, 'Unknown')] }],
  ['there is no other node', { nodes: [node('a')] }],
  ['they have a volume', { pods: [web(1, 'a', { spec: volume }), web(2, 'a', { spec: volume })] }],
  ['they have rules of affinity', { pods: [web(1, 'a'), web(2, 'a', { spec: { affinity: {} } })] }],
  ['one of them does not serve', { pods: [web(1, 'a'), web(2, 'a', { ready: 'False' })] }],
]

/** A pod of something else, which takes room. */
function busy(cpu: string): Partial<LiveObject> {
  return {
    metadata: { namespace: 'other', name: 'busy' },
    spec: { nodeName: 'b', containers: [{ name: 'x', resources: { requests: { cpu } } }] },
  }
}

const application = {
  name: 'shop',
  namespace: (env: string) => `shop-${env}`,
  parts: ['web'],
  readiness: '',
}

/** What the check of the spread finds. */
async function spreadOf(
  { nodes = two, pods = crowded }: World,
  more: { readonly aloneBecause?: () => string } = {},
) {
  const own = pods.filter(({ metadata }) => metadata.namespace === 'shop-dev')
  const list = (kind: string, { namespace }: { namespace?: string }) =>
    Promise.resolve(kind === 'nodes' ? nodes : namespace === undefined ? pods : own)
  const [outcome] = await runChecks(
    standardChecks({ ...application, ...more }).filter(({ id }) => id === 'shop.spread'),
    { settings: { ENV: 'dev' }, kube: { list } } as never,
  )
  return outcome
}

test('the check fails while another node has room, and passes on two nodes', async () => {
  const { result, evidence, fix } = (await spreadOf({})) ?? {}
  assert.deepEqual([result, evidence], ['failed', 'every web is on a, and b has room'])
  assert.match(fix ?? '', /run the module again: it evicts one/)
  assert.equal((await spreadOf({ pods: [web(1, 'a'), web(2, 'b')] }))?.result, 'passed')
})

test('the check only warns of one pod, and where one node is enough', async () => {
  assert.equal((await spreadOf({ pods: [web(1, 'a')] }))?.result, 'warning')
  const alone = await spreadOf({}, { aloneBecause: () => 'there is no S3' })
  assert.deepEqual([alone?.result, alone?.evidence], ['warning', 'web on 1: there is no S3'])
})

for (const [what, world] of stay) {
  test(`they stay, and the check only warns, where ${what}`, async (t) => {
    const { done } = await runOn(t, world)
    assert.deepEqual(
      done.filter((one) => !one.startsWith('list')),
      [],
    )
    assert.equal((await spreadOf(world))?.result, 'warning')
  })
}
