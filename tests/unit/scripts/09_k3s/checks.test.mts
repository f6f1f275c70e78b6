import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runChecks, type Outcome, type Tools } from '../../../../lib/checks/checks.mts'
import type { LiveObject } from '../../../../lib/kube/types.mts'
import { checks } from '../../../../scripts/09_k3s/checks.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { KitError } from '../../../../lib/base/errors.mts'

// The cluster here is a stand-in: a table of answers, all right, of which each test makes one wrong.

const node = (
  name: string,
  {
    server = false,
    ready = true,
    version = 'v1.36.5+k3s1',
    range = `10.42.${name.length}${name.at(-1)}.0/24`,
    pressure = false,
    since = '2026-01-01T00:00:00Z',
  } = {},
): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: server ? { 'node-role.kubernetes.io/control-plane': 'true' } : {} },
  spec: { podCIDR: range },
  status: {
    addresses: [{ type: 'InternalIP', address: `192.0.2.${name.length}${name.at(-1)}` }],
    conditions: [
      { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: since },
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
  status: {
    containerStatuses: [
      {
        image: 'docker.io/rancher/coredns:1',
        state: reason === undefined ? {} : { waiting: { reason } },
      },
    ],
  },
})

/** A pod of CoreDNS or metrics-server: ready on a node, or waiting for one. */
const addonPod = (nodeName?: string): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `addon-${nodeName}`, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: nodeName === undefined ? {} : { nodeName },
  status:
    nodeName === undefined
      ? { phase: 'Pending' }
      : { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
})
/** What the EndpointSlice of kube-dns holds of one: a hint only where the Service prefers the same node. */
const endpointOn = (nodeName: string, hint = true) => ({
  nodeName,
  conditions: { ready: true },
  ...(hint && { hints: { forNodes: [{ name: nodeName }] } }),
})

/** A running pod of the probe, one a node; the single ones run on the last. */
const probeOn = (nodeName: string, address: string, pod = nodeName): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: pod },
  spec: { nodeName },
  status: { phase: 'Running', podIP: address },
})
const deploymentOf = (manager: string): string =>
  JSON.stringify({ metadata: { name: 'any', managedFields: [{ manager }] } })
const metricsOfEtcd = ({ leader = 1, learner = 0, members = 3 } = {}): string =>
  [
    `etcd_server_has_leader ${leader}`,
    `etcd_server_is_learner ${learner}`,
    ...Array.from({ length: members }, (_, at) => `etcd_network_known_peers{Local="1",Remote="${at}"} 1`),
  ].join('\n')
const snapshotOf = (hours: number): object => ({
  status: { creationTime: new Date(Date.now() - hours * 3_600_000).toISOString() },
})
const days = (number: number): Date => new Date(Date.now() + number * 86_400_000 + 3_600_000)

interface World {
  nodes?: LiveObject[]
  pods?: LiveObject[]
  readyz?: string
  kubelet?: string
  dnsPods?: LiveObject[]
  endpoints?: object[]
  metricsPods?: LiveObject[]
  dns?: object | undefined
  ingressClass?: LiveObject | undefined
  measured?: string[]
  /** How often metrics are asked before `measured` is the answer; nobody is measured until then. */
  slowMetrics?: number
  status?: number
  addresses?: string
  /** The probes that run, by part; right ones where a part is not named. */
  probes?: Record<string, LiveObject[]>
  /** True for what a node asks about and does not reach: `who=192.0.2.1:8080`. */
  cut?: (item: string, from: string) => boolean
  /** False: policies are accepted and let everything through. */
  enforced?: boolean
  recorded?: string
  kitMade?: boolean
  etcd?: string | undefined
  snapshots?: object[] | undefined
  born?: string
  certificate?: Date | undefined
  addon?: string | undefined
  storageClass?: LiveObject | undefined
  volume?: string
  settings?: object
  puller?: boolean
}

const nothing = (path: string) => new KitError(`${path}: not found`, { exitCode: 9 })

function toolsOf(world: World) {
  const {
    nodes = rightNodes,
    pods = [podOf()],
    readyz = 'ok',
    kubelet = 'ok',
    status = 404,
    addresses = '192.0.2.1:80',
    cut = () => false,
    enforced = true,
    recorded = String(enforced),
    kitMade = true,
    born = '2026-01-01T00:00:00Z',
    volume = 'written',
    puller = true,
  } = world
  const or = <T,>(key: keyof World, right: T): T => (key in world ? (world[key] as T) : right)
  const measured = world.measured ?? nodes.map(({ metadata }) => metadata.name)
  let early = world.slowMetrics ?? 0
  const up = nodes.map(({ metadata }) => metadata.name)
  const probes: Record<string, LiveObject[]> = {
    node: nodes.map(({ metadata: { name } }, at) => probeOn(name, `10.42.${at}.2`)),
    guarded: [probeOn('k8s-worker-02', '10.42.9.3', 'guarded')],
    confined: [probeOn('k8s-worker-02', '10.42.9.4', 'confined')],
    volume: [probeOn('k8s-worker-02', '10.42.9.5', 'volume')],
    pull: [probeOn('k8s-worker-02', '10.42.9.6', 'pull')],
    ...world.probes,
  }
  const storageClass = {
    kind: 'StorageClass',
    metadata: { name: 'local-path', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  }
  const services = [
    { metadata: { name: 'probe' }, spec: { clusterIP: '10.43.0.99' } },
    { metadata: { name: 'probe-node-port' }, spec: { ports: [{ nodePort: 30_000 }] } },
  ]
  /** As a pod answers that reaches everything but what is cut or forbidden. */
  function reached(from: string, item: string): string {
    const [kind, to = '', node] = item.split(/[=,]/)
    const guarded = to.startsWith('10.42.9.3') || from === 'confined'
    if (cut(item, from) || (enforced && guarded && to.endsWith(':8081'))) return ''
    const other = probes['node']?.find((one) =>
      to.startsWith(`${(one['status'] as { podIP: string }).podIP}:`),
    )
    return kind !== 'who' || node === undefined || other?.metadata.name === node ? 'yes' : ''
  }
  function raw(path: string): string {
    const [, pod = '', program = ''] = /pods\/(.*):8081\/proxy\/cgi-bin\/(.*)/.exec(path) ?? []
    if (program === 'volume') return volume
    if (program.startsWith('reach?ask=')) {
      const items = decodeURIComponent(program.slice('reach?ask='.length)).split('|')
      return items.map((item, at) => `${at} ${reached(pod, item)}\n`).join('')
    }
    if (path === '/readyz') return readyz
    if (path.startsWith('/apis/metrics'))
      return JSON.stringify({ items: (early-- > 0 ? [] : measured).map((name) => ({ metadata: { name } })) })
    const etcd = or('etcd', metricsOfEtcd())
    const snapshots = or<object[] | undefined>('snapshots', [snapshotOf(2)])
    const addon = or('addon', deploymentOf('k3s'))
    const answers: [RegExp, string | undefined][] = [
      [/:2381\/proxy\/metrics$/, etcd],
      [/etcdsnapshotfiles$/, snapshots && JSON.stringify({ items: snapshots })],
      [/kube-system\/deployments/, addon],
      [/proxy\/healthz$/, kubelet],
    ]
    const answer = answers.find(([pattern]) => pattern.test(path))?.[1]
    if (answer === undefined) throw nothing(path)
    return answer
  }
  const dns = 'dns' in world ? world.dns : { availableReplicas: 1 }
  const ingressClass = {
    kind: 'IngressClass',
    metadata: { name: 'nginx' },
    spec: { controller: 'k8s.io/ingress-nginx' },
  }
  const objects: Record<string, unknown> = {
    'ingressclasses.networking.k8s.io/nginx': or('ingressClass', ingressClass),
    'deployments.apps/coredns': dns && { metadata: { name: 'coredns' }, status: dns },
    'deployments.apps/pull': puller ? { metadata: { name: 'pull' } } : undefined,
    'configmaps/cluster': kitMade ? { metadata: { name: 'cluster' } } : undefined,
    'configmaps/network-policies': recorded === '' ? undefined : { data: { enforced: recorded } },
    'namespaces/kube-system': { metadata: { name: 'kube-system', creationTimestamp: born } },
  }
  const list = (kind: string, { labels = {} }: { labels?: Record<string, string> } = {}) => {
    if (kind === 'nodes') return nodes
    if (kind === 'services') return services
    if (kind.startsWith('storageclasses')) return [or('storageClass', storageClass)].filter(Boolean)
    if (kind.startsWith('endpointslices'))
      return [{ endpoints: world.endpoints ?? up.map((name) => endpointOn(name)) }]
    if (labels['k8s-app'] === 'kube-dns') return world.dnsPods ?? up.map(addonPod)
    if (labels['k8s-app'] === 'metrics-server') return world.metricsPods ?? up.slice(0, 2).map(addonPod)
    const part = labels['app.kubernetes.io/component']
    return part === undefined ? pods : (probes[part] ?? [])
  }
  const certificate = or<Date | undefined>('certificate', days(300))
  return {
    settings: {
      ENV: 'dev',
      DOMAIN: 'dev.example.com',
      INGRESS_CLASS: 'nginx',
      INGRESS_ADDRESSES: addresses,
      INGRESS_CONTROLLER: 'traefik',
      INGRESS_NODE_PORT: 31_695,
      INGRESS_HEALTH_PATH: '/healthz',
      ...world.settings,
    } as unknown as K3sSettings,
    kube: {
      list: (kind: string, where?: object) => Promise.resolve(list(kind, where)),
      get: (kind: string, name: string) => Promise.resolve(objects[`${kind}/${name}`]),
      raw: async (path: string) => Promise.resolve(path).then(raw),
    },
    http: {
      askAt: () => Promise.resolve({ status }),
      certificateEnd: (at: string) =>
        certificate === undefined ? Promise.reject(nothing(at)) : Promise.resolve(certificate),
    },
  } as unknown as Tools<K3sSettings>
}

test('a node that became ready only just is given time for its first metrics', async () => {
  const nodes = [...rightNodes.slice(1), node('master-01', { server: true, since: new Date().toISOString() })]
  const outcomes = await runChecks(checks, toolsOf({ nodes, slowMetrics: 1 }))
  assert.deepEqual(
    outcomes.filter(({ result }) => result !== 'passed'),
    [],
  )
})

test('a metrics-server that has only just started is given time for its first look', async () => {
  const metadata = { name: 'metrics-server', creationTimestamp: new Date().toISOString() }
  const started = { apiVersion: 'v1', kind: 'Pod', metadata, status: {} }
  const [outcome] = await runChecks(
    checks.filter(({ id }) => id === 'k3s.metrics'),
    toolsOf({ metricsPods: [started], slowMetrics: 1 }),
  )
  assert.equal(outcome?.result, 'passed')
})

test('on a cluster that is right, every check passes', async () => {
  const outcomes = await runChecks(checks, toolsOf({}))
  assert.deepEqual(
    outcomes.filter(({ result }) => result !== 'passed'),
    [],
  )
})

const twelve = Array.from({ length: 12 }, (_, at) => node(`node-${at + 10}`))

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
  [
    'k3s.dns-nodes',
    'a node without CoreDNS',
    { dnsPods: ['master-01', 'master-02', 'master-03', 'k8s-worker-01'].map(addonPod) },
    'failed',
    /^none on k8s-worker-02$/,
  ],
  [
    'k3s.dns-nodes',
    'a single CoreDNS on a cluster of others',
    { dnsPods: [addonPod('master-01')], kitMade: false },
    'warning',
    /none on master-02, master-03, k8s-worker-01, k8s-worker-02/,
  ],
  [
    'k3s.dns-nodes',
    'fewer than ten on twelve nodes',
    { nodes: twelve, dnsPods: twelve.slice(0, 9).map(({ metadata }) => addonPod(metadata.name)) },
    'failed',
    /^9 of 10 nodes$/,
  ],
  [
    'k3s.dns-nodes',
    'a pod that waits for a dead node, and takes nothing away',
    {
      nodes: [...rightNodes.slice(0, 4), node('k8s-worker-02', { ready: false })],
      dnsPods: [...rightNodes.slice(0, 4).map(({ metadata }) => addonPod(metadata.name)), addonPod()],
    },
    'passed',
    /^on 4 nodes; one pod waits for k8s-worker-02, not Ready$/,
  ],
  [
    'k3s.dns-near',
    'an endpoint without a hint',
    { endpoints: [endpointOn('master-01'), endpointOn('master-02', false)] },
    'failed',
    /^no hint for master-02$/,
  ],
  [
    'k3s.dns-near',
    'a cluster of others without hints',
    { endpoints: [endpointOn('master-01', false)], kitMade: false },
    'warning',
    /no hint for master-01/,
  ],
  ['k3s.dns-near', 'a DNS without endpoints', { endpoints: [] }, 'failed', /no endpoint of kube-dns/],
  [
    'k3s.dns-near',
    'a Kubernetes that cannot prefer a node',
    { nodes: [node('a', { version: 'v1.33.4' })], kitMade: false },
    'warning',
    /before 1\.34/,
  ],
  [
    'k3s.metrics-nodes',
    'a metrics-server whose pods share a node',
    { metricsPods: [addonPod('master-01'), addonPod('master-01')] },
    'failed',
    /^1 of 2 nodes$/,
  ],
  [
    'k3s.metrics-nodes',
    'a single metrics-server on a cluster of others',
    { metricsPods: [addonPod('master-01')], kitMade: false },
    'warning',
    /1 of 2 nodes/,
  ],
  ['k3s.metrics', 'a node without metrics', { measured: ['master-01'] }, 'failed', /none for master-02/],
  ['k3s.kubelets', 'a kubelet out of reach', { kubelet: 'error' }, 'failed', /no answer from master-01/],
  ['k3s.ingress-class', 'no IngressClass', { ingressClass: undefined }, 'failed', /no IngressClass nginx/],
  ['k3s.ingress', 'an address that answers wrongly', { status: 502 }, 'failed', /192\.0\.2\.1:80: 502/],
  ['k3s.ingress', 'nothing to test with', { addresses: '' }, 'warning', /INGRESS_ADDRESSES is empty/],
  [
    'k3s.etcd',
    'a server without a vote',
    { etcd: metricsOfEtcd({ learner: 1 }) },
    'failed',
    /master-01 has no vote/,
  ],
  [
    'k3s.etcd',
    'a server without a leader',
    { etcd: metricsOfEtcd({ leader: 0 }) },
    'failed',
    /has no leader/,
  ],
  [
    'k3s.etcd',
    'a member nobody is',
    { etcd: metricsOfEtcd({ members: 4 }) },
    'failed',
    /4 members, 3 servers/,
  ],
  [
    'k3s.etcd',
    'an etcd that tells nothing',
    { etcd: undefined },
    'failed',
    /no metrics of etcd .* master-01/,
  ],
  [
    'k3s.etcd',
    'an etcd of others that tells nothing',
    { etcd: undefined, kitMade: false },
    'warning',
    /not proven/,
  ],
  [
    'k3s.snapshots',
    'an old snapshot',
    { snapshots: [snapshotOf(30), snapshotOf(14)] },
    'failed',
    /newest 14 h/,
  ],
  ['k3s.snapshots', 'no snapshot', { snapshots: [] }, 'failed', /none/],
  [
    'k3s.snapshots',
    'a cluster too young for one',
    { snapshots: [], born: new Date().toISOString() },
    'warning',
    /younger/,
  ],
  ['k3s.snapshots', 'a cluster without a list', { snapshots: undefined }, 'warning', /not proven/],
  ['k3s.certificates', 'a certificate that ends', { certificate: days(6) }, 'failed', /master-01 6 days/],
  ['k3s.certificates', 'one that ends soon', { certificate: days(29) }, 'warning', /29 days/],
  [
    'k3s.certificates',
    'a server out of reach',
    { certificate: undefined },
    'warning',
    /not reached .* master-01/,
  ],
  [
    'k3s.pods',
    'two nodes that do not reach each other',
    { cut: (item, from) => from === 'master-01' && item.startsWith('who=10.42.4.2:8080,') },
    'failed',
    /^master-01 -> k8s-worker-02 of 20/,
  ],
  [
    'k3s.pods',
    'a node without a probe',
    { probes: { node: [probeOn('master-01', '10.42.0.2')] } },
    'failed',
    /no probe runs on master-02, master-03/,
  ],
  ['k3s.pods', 'probes that are gone', { probes: { node: [] } }, 'failed', /probes are gone/],
  ['k3s.pods', 'a cluster of others', { probes: { node: [] }, kitMade: false }, 'warning', /not proven/],
  [
    'k3s.payload',
    'large packets that are lost',
    { cut: (item, from) => from === 'master-02' && item.startsWith('payload=10.42.0') },
    'failed',
    /^master-02 -> master-01 of 20/,
  ],
  [
    'k3s.service',
    'a Service out of reach',
    { cut: (item) => item.includes('10.43.0.99') },
    'failed',
    /5 nodes/,
  ],
  [
    'k3s.node-port',
    'a NodePort out of reach',
    { cut: (item) => item === 'who=192.0.2.91:30000' },
    'failed',
    /master-03 -> master-01/,
  ],
  [
    'k3s.names-inside',
    'a node that resolves nothing',
    { cut: (item, from) => from === 'k8s-worker-01' && item === 'inside' },
    'failed',
    /k8s-worker-01 -> kubernetes\.default\.svc/,
  ],
  [
    'k3s.names-outside',
    'a node without names of the world',
    { cut: (item, from) => from === 'k8s-worker-01' && item === 'outside' },
    'failed',
    /k8s-worker-01 -> docker\.io/,
  ],
  [
    'k3s.names-outside',
    'a cluster without a way out',
    {
      cut: (item) => item === 'outside',
      settings: { REGISTRY_SERVER: 'registry.example.com:5000' },
    },
    'warning',
    /not met here: no node resolves registry\.example\.com$/,
  ],
  [
    'k3s.network-policies',
    'policies nobody enforces',
    { enforced: false },
    'warning',
    /10 forbidden flows pass/,
  ],
  [
    'k3s.network-policies',
    'allowed flows that are cut',
    { cut: (item) => item === 'who=10.42.9.3:8080', recorded: 'false' },
    'warning',
    /allowed flows do not pass: ingress from/,
  ],
  [
    'k3s.network-policies',
    'policies that were enforced once',
    { enforced: false, recorded: 'true' },
    'failed',
    /recorded for modules: true/,
  ],
  ['k3s.network-policies', 'no verdict', { recorded: '' }, 'failed', /recorded for modules: nothing/],
  ['k3s.network-policies', 'probes that are gone', { probes: { guarded: [] } }, 'failed', /probes are gone/],
  [
    'k3s.network-policies',
    'a cluster of others',
    { probes: { node: [] }, kitMade: false },
    'warning',
    /not proven on this cluster/,
  ],
  ['k3s.addons', 'a replaced addon', { addon: deploymentOf('kubectl') }, 'failed', /coredns: another owner/],
  ['k3s.addons', 'an addon that is gone', { addon: undefined }, 'failed', /metrics-server: not there/],
  [
    'k3s.addons',
    'addons of others',
    { addon: deploymentOf('kubeadm'), kitMade: false },
    'warning',
    /another owner/,
  ],
  [
    'k3s.storage',
    'no default StorageClass',
    { storageClass: undefined },
    'warning',
    /no default StorageClass/,
  ],
  ['k3s.storage', 'a volume that is not there', { probes: { volume: [] } }, 'failed', /does not run/],
  ['k3s.storage', 'a volume that takes nothing', { volume: '' }, 'failed', /does not take what is written/],
  [
    'k3s.storage',
    'a cluster of others',
    { probes: { volume: [] }, kitMade: false },
    'warning',
    /local-path, not proven/,
  ],
  [
    'k3s.ingress-health',
    'a node that is not healthy',
    { cut: (item) => item === 'page=192.0.2.91:31695' },
    'failed',
    /master-02 -> master-01:31695/,
  ],
  [
    'k3s.canary',
    'a node whose ingress serves nothing',
    { cut: (item) => item === 'site=192.0.2.91:80' },
    'failed',
    /master-02 -> master-01:80/,
  ],
  [
    'k3s.registry',
    'an image that could not be pulled',
    { settings: { REGISTRY_SERVER: 'registry.example.com' }, probes: { pull: [] } },
    'failed',
    /could not be pulled/,
  ],
  [
    'k3s.registry',
    'a registry nothing comes from',
    { settings: { REGISTRY_SERVER: 'registry.example.com' }, puller: false },
    'warning',
    /not proven/,
  ],
  [
    'k3s.system-pods',
    'a crashing pod of the cluster',
    { pods: [podOf('CrashLoopBackOff')] },
    'failed',
    /CrashLoopBackOff/,
  ],
  [
    'k3s.system-pods',
    'no crash in an image that is missing: k3s.images tells of it',
    { pods: [podOf('ImagePullBackOff')] },
    'passed',
    /1 pods/,
  ],
  [
    'k3s.images',
    'an image a node does not have, with both their names',
    { pods: [{ ...podOf('ErrImagePull'), spec: { nodeName: 'k8s-worker-01' } }] },
    'failed',
    /^docker\.io\/rancher\/coredns:1 on k8s-worker-01$/,
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

test('what a busy node does not answer at once is asked again', async () => {
  const asked = new Set<string>()
  const slow = (item: string, from: string) => asked.size < asked.add(`${from} ${item}`).size
  const outcomes = await runChecks(
    checks.filter(({ id }) => id === 'k3s.pods'),
    toolsOf({ cut: slow }),
  )
  assert.equal(outcomes[0]?.result, 'passed')
})

test('an ingress that was there before is asked at its own port alone', async () => {
  const settings = { INGRESS_CONTROLLER: 'existing' }
  const [outcome] = await runChecks(
    checks.filter(({ id }) => id === 'k3s.canary'),
    toolsOf({ settings, cut: (item) => item.includes(':80,') }),
  )
  assert.equal(outcome?.evidence, '25 ways')
})

test('every check of the cluster has a test that makes it fail', () => {
  const covered = new Set(wrong.filter(([, , , result]) => result === 'failed').map(([id]) => id))
  assert.deepEqual(
    checks.map(({ id }) => id).filter((id) => !covered.has(id)),
    [],
  )
})
