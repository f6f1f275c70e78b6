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

/** How --status is asked, what is available, and further objects of the module. */
interface Stated {
  readonly json?: boolean
  readonly available?: number
  readonly own?: readonly LiveObject[]
  /** What a look for pending changes throws. */
  readonly refusal?: Error
  /** False for a module of which the cluster has nothing. */
  readonly isThere?: boolean
}

/** What --status says, as data or as text. @param others the Ingresses beside the module's own */
async function statusOf(
  { mock }: TestContext,
  others: readonly LiveObject[],
  { json = true, available = 1, own: more = [], refusal, isThere = true }: Stated = {},
): Promise<string> {
  const own = ingress('shop-dev', '/')
  const kube = {
    recorded: () => Promise.resolve(isThere ? [deployment(available), own, ...more] : []),
    reader: {
      list: (kind: string) => Promise.resolve(kind === 'ingresses.networking.k8s.io' ? [own, ...others] : []),
    },
  }
  const session = {
    module: { number: 20, slug: 'shop', title: 'Shop' },
    env: 'dev',
    options: { json },
    chosen: () => ({ images: {}, newer: [] }),
    inputs: { current: () => ({}) },
    writes: { planning: true, changes: [] },
    opened: undefined,
    requireOpened: () => ({
      kube,
      cluster: { name: 'kb' },
      look: { nodes: [], kubernetes: [] },
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
  assert.deepEqual(await healthOf(t, [ingress('blue', '/', 'internal')]), { state: 'healthy', problems: [] })
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
  })
})

test('what an uninstall left is told of a module that is not installed', async () => {
  const deletionTimestamp = '2026-11-29T10:00:00Z'
  const metadata = { namespace: 'shop-dev', name: 'shop', deletionTimestamp }
  const secret: LiveObject = { apiVersion: 'v1', kind: 'Secret', metadata }
  assert.deepEqual(await healthOfObjects({} as KubeReader, [secret]), {
    state: 'not installed',
    problems: [`Secret shop-dev/shop is being deleted since ${deletionTimestamp}`],
  })
})
