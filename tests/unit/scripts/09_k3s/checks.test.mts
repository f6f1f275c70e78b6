import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { runChecks, type Outcome, type Tools } from '../../../../lib/checks/checks.mts'
import type { LiveObject } from '../../../../lib/kube/types.mts'
import { checks } from '../../../../scripts/09_k3s/checks.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { Cancelled, exitCodes, KitError } from '../../../../lib/base/errors.mts'

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
/** What K3s writes to each object of a file in server/manifests, whoever laid the file there. */
const addonOf = (file: string): string =>
  JSON.stringify({
    metadata: {
      name: 'any',
      annotations: {
        'objectset.rio.cattle.io/owner-gvk': 'k3s.cattle.io/v1, Kind=Addon',
        'objectset.rio.cattle.io/owner-name': file,
      },
      managedFields: [{ manager: 'deploy@master-01' }],
    },
  })
const metricsOfEtcd = ({ leader = 1, learner = 0, members = 3 } = {}): string =>
  [
    `etcd_server_has_leader ${leader}`,
    `etcd_server_is_learner ${learner}`,
    ...Array.from({ length: members }, (_, at) => `etcd_network_known_peers{Local="1",Remote="${at}"} 1`),
  ].join('\n')
/** A snapshot as K3s v1.36.3 lists it; one that failed has an error, and a creation time all the same. */
const snapshotOf = (nodeName: string, hours: number, error?: string): object => ({
  spec: { nodeName },
  status: {
    creationTime: new Date(Date.now() - hours * 3_600_000).toISOString(),
    readyToUse: error === undefined,
    ...(error !== undefined && { error: { message: error } }),
  },
})
const masters = ['master-01', 'master-02', 'master-03']
const eachMaster = (hours: number, error?: string) => masters.map((name) => snapshotOf(name, hours, error))
const full =
  'could not write snapshot: write /var/lib/rancher/k3s/server/db/snapshots/x.part: no space left on device'

/** The kubelet's metrics of a node, as K3s tells them: a certificate authority lasts ten years. */
const kubeletMetrics = (left: number): string =>
  [
    '# TYPE k3s_certificate_expiration_seconds gauge',
    'k3s_certificate_expiration_seconds{subject="CN=k3s-server-ca@1795918943",usages="CertSign"} 3.15e+08',
    'k3s_certificate_expiration_seconds{subject="CN=system:admin,O=system:masters",usages="ClientAuth"} 3.1536e+07',
    `k3s_certificate_expiration_seconds{subject="CN=kube-apiserver",usages="ServerAuth"} ${left * 86_400 + 3600}`,
    'kubelet_running_pods 7',
  ].join('\n')
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
  /** Of port 6443. */
  certificate?: Date | undefined
  /** Days the certificate of a node is good for that ends first; null where its kubelet tells none. */
  certificates?: Record<string, number | null>
  /** Questions to kubelets that have no answer yet. */
  slowKubelets?: number
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
  let silent = world.slowKubelets ?? 0
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
    const snapshots = or<object[] | undefined>('snapshots', eachMaster(2))
    const addon = or('addon', deploymentOf('k3s'))
    const [, asked = ''] = /^\/api\/v1\/nodes\/([^:/]+)\/proxy\/metrics$/.exec(path) ?? []
    const left = { ...Object.fromEntries(up.map((name) => [name, 300])), ...world.certificates }[asked]
    if (path.endsWith('/proxy/healthz') && silent-- > 0) throw nothing(path)
    const answers: [RegExp, string | undefined][] = [
      [/nodes\/[^:]*\/proxy\/metrics$/, left == null ? undefined : kubeletMetrics(left)],
      [/:2381\/proxy\/metrics$/, etcd],
      [/etcdsnapshotfiles$/, snapshots && JSON.stringify({ items: snapshots })],
      [/kube-system\/deployments/, addon],
      [/proxy\/healthz$/, kubelet],
    ]
    const answer = answers.find(([pattern]) => pattern.test(path))?.[1]
    if (answer === undefined) throw nothing(path)
    return answer
  }
  const dns = 'dns' in world ? world.dns : { status: { availableReplicas: 1 } }
  const ingressClass = {
    kind: 'IngressClass',
    metadata: { name: 'nginx' },
    spec: { controller: 'k8s.io/ingress-nginx' },
  }
  const objects: Record<string, unknown> = {
    'ingressclasses.networking.k8s.io/nginx': or('ingressClass', ingressClass),
    'deployments.apps/coredns': dns && {
      kind: 'Deployment',
      metadata: { name: 'coredns', namespace: 'kube-system' },
      ...dns,
    },
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
      MONITORING: false,
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
        certificate === undefined
          ? Promise.reject(new KitError(at, { exitCode: 6 }))
          : Promise.resolve(certificate),
    },
  } as unknown as Tools<K3sSettings>
}

test('pods of a namespace monitoring are the cluster’s own only where the kit has installed the monitoring', async () => {
  const broken = podOf('ImagePullBackOff')
  for (const [MONITORING, result] of [
    [false, 'passed'],
    [true, 'failed'],
  ] as const) {
    const tools = toolsOf({ settings: { MONITORING } })
    const list = (kind: string, { namespace }: { namespace?: string }) =>
      Promise.resolve(kind === 'pods' && namespace === 'monitoring' ? [broken] : [])
    const kube = { ...tools.kube, list }
    const [outcome] = await runChecks(
      checks.filter(({ id }) => id === 'k3s.images'),
      { ...tools, kube },
    )
    assert.equal(outcome?.result, result)
  }
})

test('a node that missed a look of metrics-server is given time, however old it is', async () => {
  const [outcome] = await runChecks(
    checks.filter(({ id }) => id === 'k3s.metrics'),
    toolsOf({ slowMetrics: 1 }),
  )
  assert.equal(outcome?.result, 'passed')
})

test('a kubelet whose connection to a server is not there yet is asked again, each time for a few seconds only', async () => {
  const tools = toolsOf({ slowKubelets: 1 })
  const asked: unknown[] = []
  const raw = (path: string, options?: object) => {
    asked.push(options)
    return tools.kube.raw(path)
  }
  const [outcome] = await runChecks(
    checks.filter(({ id }) => id === 'k3s.kubelets'),
    { ...tools, kube: { ...tools.kube, raw } },
  )
  assert.equal(outcome?.result, 'passed')
  assert.equal(asked.length, 2 * rightNodes.length)
  assert.ok(asked.every((one) => JSON.stringify(one) === '{"once":true,"timeoutSeconds":5}'))
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
  [
    'k3s.dns',
    'a DNS that wants no pod',
    { dns: { spec: { replicas: 0 } } },
    'failed',
    /^Deployment coredns is scaled to 0$/,
  ],
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
    'an old snapshot on one server',
    { snapshots: [...eachMaster(30), ...eachMaster(2).slice(1), snapshotOf('master-01', 14)] },
    'failed',
    /^master-01: the newest is 14 h old$/,
  ],
  [
    'k3s.snapshots',
    'one that failed after the last that did not',
    { snapshots: [...eachMaster(5), snapshotOf('master-02', 0, full)] },
    'failed',
    /^master-02: the newest failed: could not write snapshot: .*no space left on device$/,
  ],
  [
    'k3s.snapshots',
    'only such as failed',
    { snapshots: eachMaster(0, full) },
    'failed',
    /^master-01: the newest failed/,
  ],
  [
    'k3s.snapshots',
    'a failure that a later one has made good',
    { snapshots: [...eachMaster(5, full), ...eachMaster(2)] },
    'passed',
    /^on 3 servers, at most 2 h old$/,
  ],
  [
    'k3s.snapshots',
    'a server without one',
    { snapshots: eachMaster(2).slice(0, 2) },
    'failed',
    /^master-03: none that can be used$/,
  ],
  [
    'k3s.snapshots',
    'snapshots of servers that left',
    { snapshots: [snapshotOf('master-09', 2)] },
    'failed',
    /master-01: none that can be used/,
  ],
  [
    'k3s.snapshots',
    'a cluster too young for one',
    {
      snapshots: [],
      nodes: rightNodes.map((one) => ({
        ...one,
        metadata: { ...one.metadata, creationTimestamp: new Date().toISOString() },
      })),
    },
    'warning',
    /^none yet; younger than the next scheduled one: master-01, master-02, master-03/,
  ],
  ['k3s.snapshots', 'a cluster without a list', { snapshots: undefined }, 'warning', /not proven/],
  [
    'k3s.certificates',
    'a certificate of a worker that ends, while that of port 6443 is new',
    { certificates: { 'k8s-worker-01': 13 } },
    'failed',
    /^k8s-worker-01: CN=kube-apiserver 13 days$/,
  ],
  [
    'k3s.certificates',
    'one that ends soon',
    { certificates: { 'master-02': 59 } },
    'warning',
    /^master-02: .* 59 days$/,
  ],
  [
    'k3s.certificates',
    'a node that tells none',
    { certificates: { 'k8s-worker-02': null } },
    'warning',
    /^not proven: no metric k3s_certificate_expiration_seconds of k8s-worker-02$/,
  ],
  [
    'k3s.certificates',
    'a cluster of others whose API has one that ends',
    {
      certificates: Object.fromEntries(rightNodes.map(({ metadata }) => [metadata.name, null])),
      certificate: days(13),
    },
    'failed',
    /^master-01: port 6443 13 days$/,
  ],
  [
    'k3s.certificates',
    'a cluster of others that cannot be asked at all',
    {
      certificates: Object.fromEntries(rightNodes.map(({ metadata }) => [metadata.name, null])),
      certificate: undefined,
    },
    'warning',
    /^not proven: no metric .* of master-01, master-02, master-03, k8s-worker-01 and 1 more$/,
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
  [
    'k3s.addons',
    'one from a file somebody laid beside K3s’ own',
    { addon: addonOf('my-dns') },
    'failed',
    /^coredns: another owner’s, metrics-server: another owner’s$/,
  ],
  [
    'k3s.addons',
    'the file of another addon',
    { addon: addonOf('coredns') },
    'failed',
    /^metrics-server: another owner’s$/,
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
    // What would be waited for is over after one look.
    let clock = 0
    const passing = mock.method(performance, 'now', () => (clock += 600_000))
    const [outcome] = await runChecks(
      checks.filter((check) => check.id === id),
      toolsOf(world),
    )
    passing.mock.restore()
    assert.equal(outcome?.result, result)
    assert.match(outcome?.evidence ?? '', evidence)
    // What it says to do can be typed as it stands.
    if (result !== 'passed') assert.doesNotMatch(outcome?.fix ?? '', /\b(NAMESPACE|POD|NAME)\b/)
  })
}

/** The outcome of one check while these paths end in an error. */
async function outcomeWhile(id: string, path: RegExp, error: KitError) {
  const tools = toolsOf({})
  const raw = async (asked: string): Promise<string> => {
    if (path.test(asked)) throw error
    return tools.kube.raw(asked)
  }
  const [outcome] = await runChecks(
    checks.filter((check) => check.id === id),
    { ...tools, kube: { ...tools.kube, raw } },
  )
  return outcome
}

for (const [id, path] of [
  ['k3s.etcd', /:2381\//],
  ['k3s.kubelets', /proxy\/healthz$/],
] as const) {
  test(`a Ctrl-C during ${id} ends the run: it is no answer of a node`, async () => {
    await assert.rejects(outcomeWhile(id, path, new Cancelled()), { exitCode: exitCodes.interrupted })
  })

  test(`a kubeconfig that is refused during ${id} is told as that`, async () => {
    const error = new KitError('the certificate is not trusted', {
      exitCode: exitCodes.trust,
      hint: 'copy the kubeconfig again',
    })
    const { result, evidence, fix } = (await outcomeWhile(id, path, error)) ?? {}
    assert.deepEqual([result, evidence, fix], ['failed', error.message, error.hint])
  })
}

test('an API that is lost while etcd is asked is no etcd without metrics', async () => {
  const error = new KitError('the API server cannot be reached', { exitCode: exitCodes.unreachable })
  const outcome = await outcomeWhile('k3s.etcd', /:2381\//, error)
  assert.equal(outcome?.evidence, 'the API server cannot be reached')
})

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

/** A cluster whose policies let all through at the first look. */
function openAtFirst(): Tools<K3sSettings> {
  let looks = 0
  const world = toolsOf({ recorded: 'true' })
  const open = toolsOf({ recorded: 'true', enforced: false })
  const list = (kind: string, where: { labels?: Record<string, string> }) => {
    if (where.labels?.['app.kubernetes.io/component'] === 'guarded') looks += 1
    return world.kube.list(kind, where)
  }
  const raw = (path: string) => (looks > 1 ? world : open).kube.raw(path)
  return { ...world, kube: { ...world.kube, list, raw } }
}

// A firewall that was loaded anew lets all through for a while; metrics-server misses a node for two looks; a node
// connects to a server that was restarted within seconds.
for (const [id, seconds, wrongAtFirst] of [
  ['k3s.network-policies', 60, openAtFirst],
  ['k3s.metrics', 60, () => toolsOf({ slowMetrics: 1 })],
  ['k3s.kubelets', 20, () => toolsOf({ slowKubelets: rightNodes.length })],
] as const) {
  test(`${id} asks again for ${seconds} s, and not longer`, async (context) => {
    for (const [took, result] of [
      [seconds - 1, 'passed'],
      [seconds + 1, 'failed'],
    ] as const) {
      let clock = 0
      const passing = context.mock.method(performance, 'now', () => clock)
      const tools = wrongAtFirst()
      // The first look, which is wrong, is over after that many seconds.
      const raw: typeof tools.kube.raw = (...words) => {
        clock = took * 1000
        return tools.kube.raw(...words)
      }
      const [outcome] = await runChecks(
        checks.filter((check) => check.id === id),
        { ...tools, kube: { ...tools.kube, raw } },
      )
      passing.mock.restore()
      assert.equal(outcome?.result, result, `after ${took} s`)
    }
  })
}

test('every check of the cluster has a test that makes it fail; those of the monitoring are in monitoring-checks', () => {
  const covered = new Set(wrong.filter(([, , , result]) => result === 'failed').map(([id]) => id))
  assert.deepEqual(
    checks.map(({ id }) => id).filter((id) => !covered.has(id) && !id.startsWith('k3s.monitoring')),
    [],
  )
})

for (const [id, right, never] of [
  // The API server reaches a kubelet by the connection the node opened to port 6443.
  ['k3s.kubelets', /restart k3s-agent .* must reach port 6443 of every master/, /10250/],
  // metrics-server runs on any node, and dials itself.
  ['k3s.metrics', /every node must reach port 10250 of every node/, /masters/],
  // Without its Deployment there are no names until the restart is over.
  ['k3s.addons', /systemctl restart k3s on one master/, /delete deployment/],
  [
    'k3s.network-policies',
    /Skipping network policy controller.*modprobe --all ip_set xt_set/,
    /disable-network-policy/,
  ],
  ['k3s.certificates', /systemctl restart k3s \(on a worker k3s-agent\), one node after another/, /6443/],
] as const) {
  test(`the fix of ${id} is for the end that is wrong`, () => {
    const fix = checks.find((check) => check.id === id)?.fix ?? ''
    assert.match(fix, right)
    assert.doesNotMatch(fix, never)
  })
}
