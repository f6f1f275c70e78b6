import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Cancelled } from '../../../lib/base/errors.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import { healthOf as healthOfObjects } from '../../../lib/kube/rollout/health.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import type { Session } from '../../../lib/run/session.mts'
import { showStatus, type StatusDocument } from '../../../lib/verbs/status.mts'

// --status on a stand-in cluster: a module of one Deployment, and the Ingresses that are there.

const ingress = (namespace: string, path: string, ingressClassName = 'nginx'): LiveObject =>
  ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { namespace, name: 'shop' },
    spec: { ingressClassName, rules: [{ host: 'shop.example.com', http: { paths: [{ path }] } }] },
  }) as unknown as LiveObject

const deployment = (available: number): LiveObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { namespace: 'shop-dev', name: 'shop', generation: 1 },
  spec: { replicas: 1, selector: { matchLabels: {} } },
  status: {
    observedGeneration: 1,
    replicas: 1,
    updatedReplicas: 1,
    readyReplicas: available,
    availableReplicas: available,
  },
})

const ready = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'k8s-1' },
  spec: {},
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
}
const serving = { isServing: true, nodes: ['k8s-1'] }
const healthy = { nodes: [ready], kubernetes: [], ingressClasses: ['nginx'], dns: serving, metrics: serving }

/** How --status is asked, what is available, and further objects of the module. */
interface Stated {
  readonly json?: boolean
  readonly available?: number
  readonly own?: readonly LiveObject[]
  /** What a look for pending changes throws. */
  readonly refusal?: Error
  /** False for a module of which the cluster has nothing. */
  readonly isThere?: boolean
  /** What the cluster is like, where it is not healthy. */
  readonly look?: object
  /** The drill of another run. */
  readonly drill?: string
  /** Its number; 9 is known by its nodes. */
  readonly number?: number
}

/** What --status says, as data or as text. @param others the Ingresses beside the module's own */
async function statusOf(
  { mock }: TestContext,
  others: readonly LiveObject[],
  { json = true, available = 1, own: more = [], refusal, isThere = true, ...stated }: Stated = {},
): Promise<string> {
  const own = ingress('shop-dev', '/')
  const kube = {
    recorded: () => Promise.resolve(isThere ? [deployment(available), own, ...more] : []),
    reader: {
      list: (kind: string) => Promise.resolve(kind === 'ingresses.networking.k8s.io' ? [own, ...others] : []),
    },
  }
  const session = {
    module: { number: stated.number ?? 20, slug: 'shop', title: 'Shop' },
    env: 'dev',
    options: { json },
    chosen: () => ({ images: {}, newer: [] }),
    inputs: { current: () => ({}) },
    writes: { planning: true, changes: [] },
    opened: undefined,
    requireOpened: () => ({
      kube,
      cluster: { name: 'kb' },
      look: { ...healthy, ...stated.look },
      drill: stated.drill,
      revisions: { current: refusal && { number: 1, state: 'applied', manifests: [] }, images: {} },
    }),
  } as unknown as Session<never>
  const said: string[] = []
  const note = (text: unknown) => Boolean(said.push(String(text)))
  const [out, err] = [mock.method(process.stdout, 'write', note), mock.method(process.stderr, 'write', note)]
  try {
    const step = { id: '01_deploy', run: () => Promise.reject(refusal ?? new Error('not run')) } as never
    await showStatus(session, [step])
  } finally {
    for (const one of [out, err]) one.mock.restore()
  }
  return said.join('')
}

test('what cannot be known now is one of the lines; an interruption ends the run', async (context) => {
  const refusal = new Error('no answer')
  const { pending } = JSON.parse(await statusOf(context, [], { refusal })) as StatusDocument
  assert.deepEqual(pending, ['not known: no answer'])
  await assert.rejects(statusOf(context, [], { refusal: new Cancelled() }), Cancelled)
})

test('a module that is not installed is told as that, without a fault and without settings to ask for', async (t) => {
  const text = await statusOf(t, [ingress('blue', '/')], { json: false, isThere: false })
  assert.equal(text, '  Revision  none\n  Now       not installed\n  Checks    never run\n')
})

const healthOf = async (...given: Parameters<typeof statusOf>) =>
  (JSON.parse(await statusOf(...given)) as StatusDocument).health

test('another Ingress that claims the public name degrades a healthy module, and is named', async (t) => {
  assert.deepEqual(await healthOf(t, [ingress('blue', '/')]), {
    state: 'degraded',
    problems: ['shop.example.com/ is answered by Ingress blue/shop too'],
    warnings: [],
  })
  const text = await statusOf(t, [ingress('blue', '/')], { json: false })
  assert.match(text, /Now +degraded\n +shop\.example\.com\/ is answered by Ingress blue\/shop too/)
})

test('one path of the public name is enough; what does not serve is told beside it', async (t) => {
  const { state, problems } = await healthOf(t, [ingress('blue', '/webhook')], { available: 0 })
  assert.equal(state, 'degraded')
  assert.deepEqual(problems, [
    'Deployment shop-dev/shop 0/1 ready',
    'shop.example.com/webhook is answered by Ingress blue/shop too',
  ])
})

test('its own Ingress, and those of another class, leave it healthy', async (t) => {
  assert.deepEqual(await healthOf(t, [ingress('blue', '/', 'internal')]), {
    state: 'healthy',
    problems: [],
    warnings: [],
  })
})

test('an object that is being deleted degrades a module that still serves, with the finalizers it waits for', async (t) => {
  const deletionTimestamp = '2026-11-29T10:00:00Z'
  const secret: LiveObject = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: 'shop-dev', name: 'shop', deletionTimestamp, finalizers: ['example.com/backup'] },
  }
  const another = deployment(1)
  const ending = { ...another, metadata: { ...another.metadata, name: 'old', deletionTimestamp } }
  assert.deepEqual(await healthOf(t, [], { own: [secret, ending] }), {
    state: 'degraded',
    problems: [
      `Secret shop-dev/shop (waits for its finalizers: example.com/backup) is being deleted since ${deletionTimestamp}`,
      `Deployment shop-dev/old is being deleted since ${deletionTimestamp}`,
    ],
    warnings: [],
  })
})

test('what an uninstall left is told of a module that is not installed', async () => {
  const deletionTimestamp = '2026-11-29T10:00:00Z'
  const metadata = { namespace: 'shop-dev', name: 'shop', deletionTimestamp }
  const secret: LiveObject = { apiVersion: 'v1', kind: 'Secret', metadata }
  assert.deepEqual(await healthOfObjects({} as KubeReader, [secret]), {
    state: 'not installed',
    problems: [`Secret shop-dev/shop is being deleted since ${deletionTimestamp}`],
    warnings: [],
  })
})

const scaled = (name: string, kind = 'Deployment', annotations = {}): LiveObject => ({
  ...deployment(0),
  kind,
  metadata: { namespace: 'shop-dev', name, generation: 1, annotations },
  spec: { replicas: 0, selector: { matchLabels: {} } },
  status: { observedGeneration: 1 },
})
const noDns = { dns: { isServing: false, nodes: [], scaledToZero: scaled('coredns') } }

test('without DNS no module is healthy, and the one that makes the cluster neither', async (t) => {
  const fault =
    'Deployment shop-dev/coredns is scaled to 0: pods resolve no names; kubectl --namespace shop-dev scale deployment/coredns --replicas=1'
  for (const number of [20, 9])
    assert.deepEqual(await healthOf(t, [], { look: noDns, number }), {
      state: 'degraded',
      problems: [fault],
      warnings: [],
    })
  assert.match(
    await statusOf(t, [], { look: noDns, json: false }),
    /Now +degraded\n +Deployment shop-dev\/coredns/,
  )
  assert.equal((await healthOf(t, [], { look: noDns, isThere: false })).state, 'not installed')
})

test('a node short of disk degrades the module of the nodes, and is a warning of the others; a cordon of all', async (t) => {
  const [conditions, spec] = [[...ready.status.conditions], { unschedulable: true }]
  const short = {
    ...ready,
    status: { conditions: [...conditions, { type: 'DiskPressure', status: 'True' }] },
  }
  const closed = { ...ready, metadata: { name: 'k8s-2' }, spec }
  const look = { nodes: [short, closed] }
  const pressure =
    'Node k8s-1 has DiskPressure: it takes no new pods and evicts those it has; kubectl describe node k8s-1   shows why'
  const cordon = 'Node k8s-2 is cordoned: it takes no new pods; kubectl uncordon k8s-2'
  const nine = await healthOf(t, [], { look, number: 9 })
  assert.deepEqual(nine, { state: 'degraded', problems: [pressure], warnings: [cordon] })
  const other = await healthOf(t, [], { look })
  assert.deepEqual(other, { state: 'healthy', problems: [], warnings: [pressure, cordon] })
  assert.match(
    await statusOf(t, [], { look, json: false }),
    /Now +healthy\n +! Node k8s-1 has DiskPressure.*\n +! Node k8s-2 is cordoned/,
  )
})

test('metrics without a pod are a warning: the module of the nodes stays healthy', async (t) => {
  const look = { metrics: { isServing: false, nodes: [] } }
  assert.deepEqual(await healthOf(t, [], { look, number: 9 }), {
    state: 'healthy',
    problems: [],
    warnings: ['metrics-server has no ready pod: autoscalers do not act'],
  })
})

test('a workload that wants no pod is a fault with its name, of the module of the nodes too; a drill is told from it', async (t) => {
  const own = [
    scaled('store', 'StatefulSet'),
    scaled('worker', 'Deployment', { 'keybuzz.io/drill-replicas': '2' }),
  ]
  for (const number of [20, 9]) {
    const { state, problems } = await healthOf(t, [], { own, number })
    assert.equal(state, 'degraded')
    assert.deepEqual(problems, [
      'StatefulSet shop-dev/store is scaled to 0: it does not serve; kubectl --namespace shop-dev scale statefulset/store --replicas=1',
      'Deployment shop-dev/worker is scaled to 0 by a drill, which gives it its 2 pods back, or else the next run of the module',
    ])
  }
})

test('a drill under way is named, with its run', async (t) => {
  const drill = 'n8n.credential of root@admin, 12_n8n (dev) since 2026-11-29T10:00:00Z'
  assert.match(
    await statusOf(t, [], { drill, json: false }),
    /Drill +n8n\.credential of root@admin, 12_n8n \(dev\)/,
  )
  assert.equal((JSON.parse(await statusOf(t, [], { drill })) as StatusDocument).drill, drill)
  assert.equal((JSON.parse(await statusOf(t, [])) as StatusDocument).drill, null)
})
