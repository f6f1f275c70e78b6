import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalRange, hostSources, nodeAddresses } from '../../../../lib/kube/addresses.mts'
import { everyPod, policies, type Flow } from '../../../../lib/kube/manifests/policies.mts'
import type { Surroundings } from '../../../../lib/kube/manifests/policy-peers.mts'
import type { LiveObject, NetworkPolicy } from '../../../../lib/kube/types.mts'
import { isAllowed, type End } from './evaluate-policies.mts'

const surroundings: Surroundings = {
  sources: ['10.0.0.21', '10.42.0.0', '10.42.1.0'],
  nodes: ['10.0.0.21', '198.51.100.21'],
  ranges: ['10.42.0.0/16', '10.43.0.0/16'],
  targets: [{ range: '10.0.9.0/24' }, { range: '10.0.0.40', port: 8443 }],
}
const pod = (namespace: string, part: string, address = '10.42.0.7'): End => ({
  address,
  node: 'k8s-1',
  pod: { namespace, labels: { part } },
})
const at = (address: string): End => ({ address })
const flows: Flow[] = [
  { from: 'nodes', to: { pods: { part: 'web' } }, port: 8080 },
  { from: { pods: { part: 'web' } }, to: { pods: { part: 'store' } }, port: 9000 },
  { from: { pods: { part: 'bot' }, namespace: 'other' }, to: { pods: { part: 'web' } }, port: 8081 },
  { from: { pods: { part: 'web' } }, to: { pods: { part: 'bot' }, namespace: 'other' }, port: 7000 },
  {
    from: everyPod,
    to: [
      { host: '10.0.0.10', port: 5432 },
      { host: 'redis.example.com', port: 6379 },
    ],
  },
  { from: { pods: { part: 'web' } }, to: 'internet' },
]
const made = policies('app', flows, surroundings)
const allowed = (from: End, to: End, port: number, protocol: 'TCP' | 'UDP' = 'TCP') =>
  isAllowed(made, { from, to, port, protocol })
const [web, store, foreign] = [pod('app', 'web'), pod('app', 'store', '10.42.1.8'), pod('evil', 'web')]

test('nothing but DNS and the flows passes, in either direction', () => {
  const dns: End = {
    address: '10.42.1.3',
    pod: { namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } },
  }
  assert.equal(allowed(store, dns, 53, 'UDP'), true)
  assert.equal(allowed(store, dns, 53), true)
  assert.equal(allowed(store, dns, 9153), false)
  assert.equal(allowed(web, store, 9000), true)
  assert.equal(allowed(web, store, 9001), false)
  assert.equal(allowed(store, web, 8080), false)
  assert.equal(allowed(foreign, web, 8080), false)
  assert.equal(allowed(foreign, store, 9000), false)
  assert.equal(allowed(web, pod('evil', 'web'), 8080), false)
  assert.equal(allowed(at('203.0.113.9'), web, 8080), false)
})

test('pods of another namespace are opened by their namespace, and a flow out to them by the same words', () => {
  assert.equal(allowed(pod('other', 'bot'), web, 8081), true)
  assert.equal(allowed(pod('evil', 'bot'), web, 8081), false)
  assert.equal(allowed(web, pod('other', 'bot'), 7000), true)
  assert.equal(allowed(web, pod('evil', 'bot'), 7000), false)
  // Of the other namespace nothing is written: its own module declares the other end.
  assert.deepEqual([...new Set(made.map(({ metadata }) => metadata?.namespace))], ['app'])
})

test('hosts reach pods by every address they may have, and nothing else does by these ports', () => {
  for (const address of surroundings.sources) assert.equal(allowed(at(address), web, 8080), true, address)
  assert.equal(allowed(at('10.42.1.9'), web, 8080), false)
  assert.equal(allowed(at('10.0.0.99'), web, 8080), false)
  assert.equal(allowed(at('10.42.1.0'), store, 9000), false)
})

test('a backend by address: that address and port. By name: its port everywhere', () => {
  assert.equal(allowed(store, at('10.0.0.10'), 5432), true)
  assert.equal(allowed(store, at('10.0.0.10'), 22), false)
  assert.equal(allowed(store, at('10.0.0.11'), 5432), false)
  assert.equal(allowed(store, at('10.0.0.77'), 6379), true)
  assert.equal(allowed(store, at('203.0.113.77'), 443), false)
})

test('the internet: public addresses, private targets and the nodes’ ingress; no private address, no metadata', () => {
  assert.equal(allowed(web, at('203.0.113.77'), 443), true)
  assert.equal(allowed(web, at('203.0.113.77'), 993), true)
  for (const address of [
    '10.0.0.50',
    '172.16.1.1',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.169.254',
    '10.42.3.3',
  ])
    assert.equal(allowed(web, at(address), 80), false, address)
  assert.equal(allowed(web, at('10.0.9.3'), 1), true)
  assert.equal(allowed(web, at('10.0.0.40'), 8443), true)
  assert.equal(allowed(web, at('10.0.0.40'), 8444), false)
  for (const node of surroundings.nodes) {
    assert.equal(allowed(web, at(node), 443), true, node)
    assert.equal(allowed(web, at(node), 6443), false, node)
    assert.equal(allowed(web, at(node), 10250), false, node)
  }
})

test('each flow is needed: without one of them, what it allows is refused', () => {
  const uses: [End, End, number][] = [
    [at('10.42.1.0'), web, 8080],
    [web, store, 9000],
    [pod('other', 'bot'), web, 8081],
    [web, pod('other', 'bot'), 7000],
    [store, at('10.0.0.10'), 5432],
    [web, at('203.0.113.77'), 443],
  ]
  for (const [index, [from, to, port]] of uses.entries()) {
    assert.equal(isAllowed(made, { from, to, port }), true, String(index))
    const less = policies('app', flows.toSpliced(index, 1), surroundings)
    assert.equal(isAllowed(less, { from, to, port }), false, String(index))
  }
})

test('the default deny comes last when sent, first by name when deleted: nothing is cut in between', () => {
  const names = made.map(({ metadata }) => metadata?.name ?? '')
  assert.equal(names.at(-1), 'default-deny')
  assert.equal(names.toSorted()[0], 'default-deny')
  assert.equal(new Set(names).size, names.length)
})

test('a changed flow is a policy of another name: until the old one is deleted, both are open', () => {
  const [old, now] = [8080, 9090].map((port) =>
    policies('app', [{ from: 'nodes', to: { pods: { part: 'web' } }, port }], surroundings),
  )
  const together = [
    ...new Map([...(old ?? []), ...(now ?? [])].map((one) => [one.metadata?.name, one])).values(),
  ]
  assert.equal(together.length, 3)
  for (const port of [8080, 9090])
    assert.equal(isAllowed(together, { from: at('10.42.1.0'), to: web, port }), true)
})

const node = (name: string, address: string, podCIDR?: string): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: podCIDR === undefined ? {} : { podCIDR },
  status: {
    addresses: [
      { type: 'InternalIP', address },
      { type: 'InternalIP', address: '2001:db8::1' },
      { type: 'Hostname', address: name },
    ],
  },
})

test('sources of hosts: their own addresses, and first addresses of pod ranges, of later Nodes too', () => {
  const nodes = [
    node('a', '10.0.0.21', '10.42.0.0/24'),
    node('b', '10.0.0.22', '10.42.4.0/24'),
    node('c', '10.0.0.23'),
  ]
  const sources = hostSources(nodes, '10.42.0.0/16')
  assert.deepEqual(nodeAddresses(nodes), ['10.0.0.21', '10.0.0.22', '10.0.0.23'])
  // Seen on K3s: a Node made anew got 10.42.2.0/24 where it had 10.42.4.0/24.
  for (const third of [0, 1, 2, 3, 4, 5, 20]) assert.ok(sources.includes(`10.42.${third}.0`), String(third))
  assert.ok(!sources.includes('10.42.21.0'))
  assert.ok(sources.every((one) => !one.startsWith('10.42.') || one.endsWith('.0')))
})

test('sources of hosts stay inside the range of the pods, whatever the size of a node’s', () => {
  const within = (podCIDR: string, range: string) =>
    hostSources([node('a', '10.0.0.21', podCIDR)], range).filter((one) => !one.startsWith('10.0.'))
  assert.deepEqual(within('10.42.3.0/24', '10.42.0.0/22'), [
    '10.42.0.0',
    '10.42.1.0',
    '10.42.2.0',
    '10.42.3.0',
  ])
  assert.deepEqual(within('10.42.0.64/26', '10.42.0.0/25'), ['10.42.0.0', '10.42.0.64'])
  assert.equal(canonicalRange('10.0.9.7/24'), '10.0.9.0/24')
  assert.equal(canonicalRange('198.51.100.7'), '198.51.100.7/32')
})

test('the evaluator: named ports, port ranges, exceptions, selectors, and what no policy selects', () => {
  const policy = (spec: NetworkPolicy['spec']): NetworkPolicy[] => [
    { metadata: { namespace: 'app' }, ...(spec && { spec }) },
  ]
  const server: End = { ...web, pod: { namespace: 'app', labels: { part: 'web' }, ports: { http: 8080 } } }
  const asks = (spec: NetworkPolicy['spec'], from: End, port: number) =>
    isAllowed(policy(spec), { from, to: server, port })
  const podSelector = {}
  assert.equal(asks({ podSelector: { matchLabels: { part: 'store' } } }, foreign, 1), true)
  assert.equal(asks({ podSelector }, foreign, 1), false)
  assert.equal(asks({ podSelector, ingress: [{}] }, foreign, 1), true)
  assert.equal(asks({ podSelector, ingress: [{ ports: [{ port: 'http' }] }] }, foreign, 8080), true)
  assert.equal(asks({ podSelector, ingress: [{ ports: [{ port: 'http' }] }] }, foreign, 8081), false)
  assert.equal(
    asks({ podSelector, ingress: [{ ports: [{ port: 8000, endPort: 8099 }] }] }, foreign, 8080),
    true,
  )
  assert.equal(
    asks({ podSelector, ingress: [{ ports: [{ port: 8000, endPort: 8079 }] }] }, foreign, 8080),
    false,
  )
  const except = [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.42.0.0/16'] } }]
  assert.equal(asks({ podSelector, ingress: [{ from: except }] }, foreign, 1), false)
  assert.equal(asks({ podSelector, ingress: [{ from: except }] }, at('10.1.0.1'), 1), true)
  const notWeb = { matchExpressions: [{ key: 'part', operator: 'NotIn' as const, values: ['web'] }] }
  assert.equal(asks({ podSelector: notWeb }, foreign, 1), true)
  // Both selectors of one peer must match; egress alone says nothing of what comes in.
  const peer = { namespaceSelector: {}, podSelector: { matchLabels: { part: 'store' } } }
  assert.equal(asks({ podSelector, ingress: [{ from: [peer] }] }, foreign, 1), false)
  assert.equal(asks({ podSelector, policyTypes: ['Egress'] }, foreign, 1), true)
  // A node reaches its own pods whatever the policies say.
  assert.equal(asks({ podSelector }, { address: '10.42.0.1', node: 'k8s-1' }, 8080), true)
})

test('pods that ask the API server reach it at every node, on its port alone', () => {
  const own = policies('app', [{ from: { pods: { part: 'web' } }, to: 'api-server' }], surroundings)
  const passes = (from: End, address: string, port: number) => isAllowed(own, { from, to: at(address), port })
  for (const node of surroundings.nodes) assert.ok(passes(web, node, 6443))
  assert.ok(!passes(web, '10.0.0.21', 443))
  assert.ok(!passes(web, '10.0.0.99', 6443))
  assert.ok(!passes(store, '10.0.0.21', 6443))
})
