import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
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

/** What --status says, as data or as text. @param others the Ingresses beside the module's own */
async function statusOf(
  { mock }: TestContext,
  others: readonly LiveObject[],
  { json = true, available = 1 } = {},
): Promise<string> {
  const own = ingress('shop-dev', '/')
  const kube = {
    recorded: () => Promise.resolve([deployment(available), own]),
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
      revisions: { current: undefined, images: {} },
    }),
  } as unknown as Session<never>
  const said: string[] = []
  const note = (text: unknown) => Boolean(said.push(String(text)))
  const [out, err] = [mock.method(process.stdout, 'write', note), mock.method(process.stderr, 'write', note)]
  try {
    await showStatus(session, [])
  } finally {
    for (const one of [out, err]) one.mock.restore()
  }
  return said.join('')
}

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
