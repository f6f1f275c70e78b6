import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import { createKube } from '../../../lib/kube/apply/kube-session.mts'
import type { Api } from '../../../lib/kube/api.mts'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import { keyed } from '../../../lib/kube/apply/keyed.mts'
import { nameOf, type Deployment, type LiveObject, type Manifest } from '../../../lib/kube/types.mts'
import { nodesModule } from '../../../lib/run/modules.mts'
import { objectsOf } from '../../../lib/run/objects.mts'
import type { Session } from '../../../lib/run/session.mts'
import type { Step } from '../../../lib/run/step.mts'
import type { Revision } from '../../../lib/state/revision.mts'
import { install } from '../../../lib/verbs/install.mts'
import { llm } from '../../../scripts/15_llm/module.mts'
import { fakeApi } from '../kube/fake-api.mts'
import { settingsOf } from '../scripts/rendered.mts'
import { revisionOf } from '../state/revisions.mts'

const settings = settingsOf(llm, { QDRANT_STORAGE: '10Gi' })
const images = { litellm: 'litellm:1', qdrant: 'qdrant:1' }
const checksumKey = sensitive('the-key-of-this-cluster')
const ids = ['01_deploy_litellm', '02_deploy_services']
const declared = objectsOf(
  llm,
  ids.map((id) => ({ id })),
  { settings: settings as never, images, versions: {} },
)

/** The object as it is after it was applied. */
function live(manifest: Manifest): LiveObject {
  const one = structuredClone(keyed(manifest, checksumKey)) as LiveObject
  return { ...one, metadata: { ...one.metadata, resourceVersion: '1', managedFields: [] } }
}

const node = (name: string, cpu: string, memory = '8Gi'): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: {},
  status: { allocatable: { cpu, memory }, conditions: [{ type: 'Ready', status: 'True' }] },
})

const busy = (nodeName: string, cpu: string): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `busy-${nodeName}`, namespace: 'n8n-staging' },
  spec: { nodeName, containers: [{ name: 'one', resources: { requests: { cpu, memory: '1Gi' } } }] },
  status: { phase: 'Running' },
})

const madeByKit = [revisionOf({ module: '09_k3s', env: 'prod' })]

interface World {
  readonly nodes: LiveObject[]
  readonly pods?: LiveObject[]
  readonly known?: readonly Revision[]
  readonly planning?: boolean
  /** Live objects of the module. */
  readonly objects?: LiveObject[]
  readonly module?: object
  /** Whether the cluster autoscaler runs. */
  readonly autoscaler?: boolean
}

/** An install of module 15 on such a cluster, whose steps apply what they declare. */
function runOf(
  context: TestContext,
  { nodes, pods = [], known = madeByKit, planning = false, ...more }: World,
) {
  const wrote: string[] = []
  const lists: string[] = []
  const seen: string[] = []
  context.mock.method(process.stderr, 'write', (text: string) => seen.push(text) > 0)
  const apply: Api['apply'] = async (manifest, { dryRun }) => {
    if (!dryRun) wrote.push(nameOf(manifest))
    return structuredClone(manifest) as LiveObject
  }
  const api = fakeApi(
    ({ verb, kinds }) => {
      if (verb === 'list') lists.push(kinds)
      if (kinds === 'configmaps' && more.autoscaler === true)
        return [{ ...busy('x', '1'), kind: 'ConfigMap' }]
      return kinds === 'pods' ? pods : []
    },
    { apply },
  )
  const kubectl = { api } as unknown as Kubectl
  const writes = createWrites({
    planning,
    guard: () => Promise.resolve(void wrote.push('the lock')),
  })
  const kube = createKube({
    kubectl,
    writes,
    owner: { module: '15_llm', env: 'staging' },
    forceConflicts: false,
    failures: () => [],
    namespaces: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'llm-staging' } }],
    objects: more.objects ?? [],
    checksumKey,
    isRecorded: () => true,
  })
  const opened = {
    kube,
    known,
    look: { nodes, namespaces: [] },
    revisions: { expect: () => {}, applied: () => {} },
  }
  const session = {
    module: { ...llm, secrets: undefined, ...more.module },
    env: 'staging',
    options: { plan: planning },
    inputs: { current: () => settings, record: () => ({ values: {}, secrets: [] }), lost: () => [] },
    chosen: () => ({ images, newer: [] }),
    versions: {},
    policies: () => ({ off: 'nothing is proven here' }),
    writes,
    reporter: { reporter: {}, warnings: [] },
    opened,
    requireOpened: () => opened,
  } as unknown as Session<never>
  const steps = ids.map((id) => ({
    module: session.module,
    kind: 'apply',
    id,
    name: `15_llm_${id}`,
    // The writes themselves are tests/unit/kube/apply: here it only counts whether a step begins.
    run: () => Promise.reject(new Error('a step has begun')),
  })) as unknown as Step<never>[]
  return {
    run: () => install(session, steps),
    wrote,
    lists,
    writes,
    said: () => seen.join(''),
  }
}

/** Two workers with 0.6 CPU left, as after modules 9 to 13 on two cores. */
const full = {
  nodes: [node('worker-01', '2'), node('worker-02', '2')],
  pods: [busy('worker-01', '1700m'), busy('worker-02', '1700m')],
}

test('a cluster that is too small is told before the first write: exit 3 with the workload, the room and what helps', async (t) => {
  const { run, wrote, lists } = runOf(t, full)
  await assert.rejects(run(), {
    exitCode: 3,
    message:
      'Deployment llm-staging/litellm wants 2 pods of 500m cpu and 1Gi memory each, and the nodes have room for 0 (most free: 300m cpu on worker-01, 7Gi memory on worker-01)',
    details: ['Nothing was written.'],
    hint: 'add a worker: its row in servers.tsv, then ./00_master_install.mjs --module 9 --env prod; or scale down what else runs on the nodes; then run the same command again',
  })
  assert.deepEqual(wrote, [])
  assert.deepEqual(
    lists.filter((kinds) => /pods|nodes/.test(kinds)),
    ['pods'],
    'one request; the nodes are known',
  )
})

test('what an operator has sized is named with its setting; the sum of all pods is refused too', async (t) => {
  // Room for LiteLLM and for each of the others, but not for all: 1000 + 20 + 2 x 100 + 100.
  const { run, wrote } = runOf(t, { nodes: [node('worker-01', '1300m')] })
  await assert.rejects(run(), {
    exitCode: 3,
    message:
      'the 6 pods of this run do not fit on the nodes: together they request 1320m cpu and 2848Mi memory, and 1300m cpu and 8Gi memory is free',
    hint: /^set VECTOR_STORE_URL to an external vector store: then there is no Qdrant, lower resources or replicas of embedder in credentials\/staging\/15_llm\.services\.yml; or add a worker/,
  })
  assert.deepEqual(wrote, [])
})

test('a step begins when there is room, when only the order of the pods may fail, and on a cluster of somebody else', async (t) => {
  const enough = runOf(t, { nodes: [node('worker-01', '2')] })
  await assert.rejects(enough.run(), /a step has begun/)
  assert.doesNotMatch(enough.said(), /room/)
  // LiteLLM takes 500m of a and of b: the 90m, 90m and 190m that are left take one pod of 100m, of three.
  const pieces = runOf(t, { nodes: [node('a', '590m'), node('b', '590m'), node('c', '190m')] })
  await assert.rejects(pieces.run(), /a step has begun/)
  assert.match(pieces.said(), /may find no room[^]*fix: .*add a worker/)
  for (const known of [[revisionOf({ module: '09_k3s', state: 'adopted' })], []]) {
    const foreign = runOf(t, { ...full, known })
    await assert.rejects(foreign.run(), /a step has begun/)
    assert.match(foreign.said(), /room for 0[^]*fix: add a node, unless an autoscaler of this cluster does/)
  }
})

test('room that a cordoned node has is told first, with the command that gives it back', async (t) => {
  const cordoned = node('worker-02', '2')
  Object.assign(cordoned, { spec: { unschedulable: true } })
  const one = runOf(t, { nodes: [node('worker-01', '2'), cordoned], pods: [busy('worker-01', '1700m')] })
  await assert.rejects(one.run(), /a step has begun/)
  assert.match(one.said(), /room for 0[^]*fix: kubectl uncordon worker-02; or add a worker/)
  // With that node too there is no room: to let it take pods would not help.
  const small = runOf(t, { nodes: [node('worker-01', '300m'), cordoned], pods: [busy('worker-02', '1700m')] })
  await assert.rejects(small.run(), { exitCode: 3, hint: /^add a worker/ })
})

test('a cluster that was adopted once and that the kit has installed since is its own', async (t) => {
  const known = [
    revisionOf({ module: '09_k3s', state: 'adopted' }),
    revisionOf({ module: '09_k3s', state: 'uninstalled' }),
  ]
  await assert.rejects(runOf(t, { ...full, known }).run(), /a step has begun/)
  await assert.rejects(runOf(t, { ...full, known: [...known, ...madeByKit] }).run(), { exitCode: 3 })
})

test('an update whose new pods start beside the old ones, without room for one of them, is a warning', async (t) => {
  const litellm = declared.find((one) => nameOf(one) === 'Deployment llm-staging/litellm') as Deployment
  const older = live(litellm) as unknown as Deployment
  const { template } = older.spec ?? {}
  Object.assign(older.spec ?? {}, { replicas: 2 })
  Object.assign(template?.spec ?? {}, { hostname: 'older' })
  const { labels } = template?.metadata ?? {}
  const one = { ...busy('worker-01', '500m'), metadata: { name: 'one', namespace: 'llm-staging', labels } }
  const world = {
    nodes: [node('worker-01', '1400m')],
    pods: [one, { ...one }] as LiveObject[],
    objects: [older as unknown as LiveObject],
    module: { objects: () => ({ '01_deploy_litellm': [litellm], '02_deploy_services': [] }) },
  }
  const tight = runOf(t, world)
  await assert.rejects(tight.run(), /a step has begun/)
  assert.match(
    tight.said(),
    /litellm may not be replaced: its new pod of 500m cpu and 1Gi memory starts before an old one ends, and no node has room for it \(most free: 400m cpu on worker-01/,
  )
  const roomy = runOf(t, { ...world, nodes: [node('worker-01', '1500m')] })
  await assert.rejects(roomy.run(), /a step has begun/)
  assert.doesNotMatch(roomy.said(), /room/)
})

test('a plan shows it as a note and goes on', async (t) => {
  const { run, writes, wrote } = runOf(t, { ...full, planning: true })
  await assert.rejects(run(), /a step has begun/)
  const notes = writes.changes.filter(({ sign }) => sign === '!').map(({ what }) => what)
  assert.equal(notes.length, 1)
  assert.match(notes[0] ?? '', /^Deployment llm-staging\/litellm wants 2 pods .*: first add a worker: /)
  assert.deepEqual(wrote, [])
})

test('the pods of the cluster are not read when nothing with pods changes, nor by a module that makes nodes', async (t) => {
  const same = runOf(t, { ...full, objects: declared.map(live) })
  await assert.rejects(same.run(), /a step has begun/)
  assert.deepEqual(same.lists, [])
  const machines = runOf(t, { ...full, module: { machines: {} } })
  await assert.rejects(machines.run(), /a step has begun/)
  assert.deepEqual(
    machines.lists.filter((kinds) => kinds === 'pods'),
    [],
  )
  assert.equal(nodesModule().number, 9)
})

test('what a node that comes back, a Job that ends, or a cluster autoscaler may make room for is only a warning', async (t) => {
  const away = node('worker-03', '4')
  Object.assign(away, { status: { allocatable: { cpu: '4', memory: '8Gi' }, conditions: [] } })
  const back = runOf(t, { ...full, nodes: [...full.nodes, away] })
  await assert.rejects(back.run(), /a step has begun/)
  assert.match(back.said(), /litellm wants 2 pods .* room for 0/)
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'backup', uid: 'j' }
  const ends = { ...busy('worker-01', '1700m') }
  ends.metadata = { ...ends.metadata, ownerReferences: [owner] }
  const backup = runOf(t, { ...full, pods: [ends, busy('worker-02', '1700m')] })
  await assert.rejects(backup.run(), /a step has begun/)
  assert.match(backup.said(), /room for 0/)
  const scaled = runOf(t, { ...full, autoscaler: true })
  await assert.rejects(scaled.run(), /a step has begun/)
  assert.match(scaled.said(), /room for 0/)
})
