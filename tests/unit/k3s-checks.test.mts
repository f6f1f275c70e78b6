import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runChecks, type Outcome } from '../../lib/checks.mts'
import type { Tools } from '../../lib/context.mts'
import type { LiveObject } from '../../lib/k8s.mts'
import { checks } from '../../scripts/09_k3s/checks.mts'
import type { K3sSettings } from '../../scripts/09_k3s/module.mts'

// The cluster here is a stand-in: a table of answers, all right, of which each test makes one wrong.

const node = (
  name: string,
  {
    server = false,
    ready = true,
    version = 'v1.36.5+k3s1',
    range = `10.42.${name.length}${name.at(-1)}.0/24`,
    pressure = false,
  } = {},
): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: server ? { 'node-role.kubernetes.io/control-plane': 'true' } : {} },
  spec: { podCIDR: range },
  status: {
    conditions: [
      { type: 'Ready', status: ready ? 'True' : 'False' },
      { type: 'DiskPressure', status: pressure ? 'True' : 'False' },
    ],
    nodeInfo: { kubeletVersion: version },
  },
})
const rightNodes = [
  node('master-01', { server: true }),
  node('master-02', { server: true }),
  node('master-03', { server: true }),
  node('k8s-worker-01'),
  node('k8s-worker-02'),
]
const podOf = (reason?: string): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'coredns-1' },
  status: { containerStatuses: [{ state: reason === undefined ? {} : { waiting: { reason } } }] },
})

interface World {
  nodes?: LiveObject[]
  pods?: LiveObject[]
  readyz?: string
  kubelet?: string
  dns?: object | undefined
  ingressClass?: LiveObject | undefined
  measured?: string[]
  status?: number
  addresses?: string
}

function toolsOf(world: World) {
  const {
    nodes = rightNodes,
    pods = [podOf()],
    readyz = 'ok',
    kubelet = 'ok',
    status = 404,
    addresses = '192.0.2.1:80',
  } = world
  const measured = world.measured ?? nodes.map(({ metadata }) => metadata.name)
  const raw = (path: string) => {
    if (path === '/readyz') return readyz
    if (path.startsWith('/apis/metrics'))
      return JSON.stringify({ items: measured.map((name) => ({ metadata: { name } })) })
    return kubelet
  }
  const dns = 'dns' in world ? world.dns : { availableReplicas: 1 }
  const ingressClass = {
    kind: 'IngressClass',
    metadata: { name: 'nginx' },
    spec: { controller: 'k8s.io/ingress-nginx' },
  }
  const get = (kind: string) =>
    kind.startsWith('ingressclasses')
      ? 'ingressClass' in world
        ? world.ingressClass
        : ingressClass
      : dns && { metadata: { name: 'coredns' }, status: dns }
  return {
    settings: {
      ENV: 'dev',
      DOMAIN: 'dev.example.com',
      INGRESS_CLASS: 'nginx',
      INGRESS_ADDRESSES: addresses,
    } as unknown as K3sSettings,
    kube: {
      list: (kind: string) => Promise.resolve(kind === 'nodes' ? nodes : pods),
      get: (kind: string) => Promise.resolve(get(kind)),
      raw: (path: string) => Promise.resolve(raw(path)),
    },
    http: { askAt: () => Promise.resolve({ status }) },
  } as unknown as Tools<K3sSettings>
}

test('on a cluster that is right, every check passes', async () => {
  const outcomes = await runChecks(checks, toolsOf({}))
  assert.deepEqual(
    outcomes.filter(({ result }) => result !== 'passed'),
    [],
  )
})

const wrong: [id: string, what: string, world: World, result: Outcome['result'], evidence: RegExp][] = [
  ['k3s.api', 'an API server that is not ready', { readyz: '[-]etcd failed' }, 'failed', /etcd failed/],
  [
    'k3s.version',
    'a Kubernetes that is too old',
    { nodes: [node('a', { version: 'v1.28.4+k3s1' })] },
    'failed',
    /v1\.28/,
  ],
  [
    'k3s.version',
    'two versions',
    { nodes: [node('a'), node('b', { version: 'v1.35.1+k3s1' })] },
    'warning',
    / and /,
  ],
  [
    'k3s.nodes',
    'a node that is not Ready',
    { nodes: [node('a'), node('b', { ready: false })] },
    'failed',
    /not Ready: b/,
  ],
  ['k3s.pressure', 'a full disk', { nodes: [node('a', { pressure: true })] }, 'failed', /a DiskPressure/],
  ['k3s.servers', 'a single server', { nodes: [node('a', { server: true })] }, 'warning', /1 server/],
  ['k3s.servers', 'no server at all', { nodes: [node('a')] }, 'failed', /no node has the role/],
  [
    'k3s.pod-ranges',
    'two nodes with one pod range',
    { nodes: [node('a', { range: '10.42.0.0/24' }), node('b', { range: '10.42.0.0/24' })] },
    'failed',
    /1 shared/,
  ],
  ['k3s.dns', 'a DNS that is not available', { dns: {} }, 'failed', /no pod of coredns/],
  ['k3s.dns', 'a cluster without CoreDNS', { dns: undefined }, 'failed', /no Deployment coredns/],
  ['k3s.metrics', 'a node without metrics', { measured: ['master-01'] }, 'failed', /none for master-02/],
  ['k3s.kubelets', 'a kubelet out of reach', { kubelet: 'error' }, 'failed', /no answer from master-01/],
  ['k3s.ingress-class', 'no IngressClass', { ingressClass: undefined }, 'failed', /no IngressClass nginx/],
  ['k3s.ingress', 'an address that answers wrongly', { status: 502 }, 'failed', /192\.0\.2\.1:80: 502/],
  ['k3s.ingress', 'nothing to test with', { addresses: '' }, 'warning', /INGRESS_ADDRESSES is empty/],
  [
    'k3s.system-pods',
    'a crashing pod of the cluster',
    { pods: [podOf('CrashLoopBackOff')] },
    'failed',
    /CrashLoopBackOff/,
  ],
]

for (const [id, what, world, result, evidence] of wrong) {
  test(`${id} sees ${what}`, async () => {
    const [outcome] = await runChecks(
      checks.filter((check) => check.id === id),
      toolsOf(world),
    )
    assert.equal(outcome?.result, result)
    assert.match(outcome?.evidence ?? '', evidence)
  })
}

test('every check of the cluster has a test that makes it fail', () => {
  const covered = new Set(wrong.map(([id]) => id))
  assert.deepEqual(
    checks.map(({ id }) => id).filter((id) => !covered.has(id)),
    [],
  )
})
