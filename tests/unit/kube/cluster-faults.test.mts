import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clusterNow } from '../../../lib/cli/overview.mts'
import { clusterFaults } from '../../../lib/kube/cluster-faults.mts'
import { lookAtCluster, type Look } from '../../../lib/kube/cluster-view.mts'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { fakeApi } from './fake-api.mts'

// What is wrong with a cluster, by the objects of it that every run reads; and what is not, on clusters of others.

const object = (kind: string, metadata: LiveObject['metadata'], more: object = {}): LiveObject => ({
  apiVersion: 'v1',
  kind,
  metadata,
  ...more,
})

interface NodeMore {
  readonly role?: string
  readonly conditions?: Readonly<Record<string, string>>
  readonly cordoned?: boolean
}

const node = (name: string, { role = 'worker', conditions = {}, cordoned = false }: NodeMore = {}) =>
  object(
    'Node',
    { name, labels: { [`node-role.kubernetes.io/${role}`]: 'true' } },
    {
      spec: cordoned ? { unschedulable: true } : {},
      status: {
        conditions: Object.entries({ Ready: 'True', ...conditions }).map(([type, status]) => ({
          type,
          status,
        })),
      },
    },
  )

const slice = (service: string, endpoints: readonly object[] | null, labels: Record<string, string> = {}) =>
  object(
    'EndpointSlice',
    {
      namespace: 'kube-system',
      name: `${service}-x1`,
      labels: { 'kubernetes.io/service-name': service, ...labels },
    },
    { endpoints },
  )

const on = (nodeName: string, ready?: boolean) => ({
  nodeName,
  conditions: ready === undefined ? {} : { ready },
})

const deployment = (name: string, app: string, replicas?: number) =>
  object(
    'Deployment',
    { namespace: 'kube-system', name, labels: { 'k8s-app': app } },
    { spec: replicas === undefined ? {} : { replicas } },
  )

const nodes = [node('k8s-1', { role: 'control-plane' }), node('k8s-2')]
const ingress = object('IngressClass', { name: 'traefik' })
const dns = slice('kube-dns', [on('k8s-1', true), on('k8s-2')])
const coredns = deployment('coredns', 'kube-dns', 2)
const metrics = slice('metrics-server', [on('k8s-1', true)])

/** What is wrong with a cluster of these objects, and the kinds that were asked for. */
async function look(...objects: readonly LiveObject[]): Promise<{ look: Look; asked: string[] }> {
  const asked: string[] = []
  const api = fakeApi(({ kinds }) => {
    asked.push(kinds)
    return objects
  })
  return { look: await lookAtCluster({ api } as unknown as Kubectl), asked }
}

async function textsOf(...objects: readonly LiveObject[]) {
  const { fatal, partial, notes } = clusterFaults((await look(...objects)).look)
  const texts = (faults: readonly { text: string; next?: string }[]) =>
    faults.map(({ text, next = '' }) => `${text}|${next}`)
  return { fatal: texts(fatal), partial: texts(partial), notes: texts(notes) }
}

const none = { fatal: [], partial: [], notes: [] }

test('a cluster with everything has no fault; each kind is listed once', async () => {
  const whole = [...nodes, ingress, dns, coredns, metrics]
  assert.deepEqual(await textsOf(...whole), none)
  assert.deepEqual((await look(...whole)).asked, [
    'nodes,ingressclasses.networking.k8s.io,namespaces,endpointslices.discovery.k8s.io,deployments.apps',
  ])
})

test('CoreDNS at 0 is fatal by name, with what brings it back; a DNS whose pods are not ready without', async () => {
  const empty = slice('kube-dns', null)
  const away = await textsOf(...nodes, ingress, empty, deployment('coredns', 'kube-dns', 0), metrics)
  assert.deepEqual(away, {
    ...none,
    fatal: [
      'Deployment kube-system/coredns is scaled to 0: pods resolve no names|kubectl --namespace kube-system scale deployment/coredns --replicas=1',
    ],
  })
  const unready = await textsOf(...nodes, ingress, slice('kube-dns', [on('k8s-1', false)]), coredns, metrics)
  assert.deepEqual(unready.fatal, ['the cluster DNS (kube-dns) has no ready pod: pods resolve no names|'])
  // K3s' own, and its Service is gone.
  assert.equal((await textsOf(...nodes, ingress, coredns, metrics)).fatal.length, 1)
})

for (const [what, objects] of [
  ['another program serves as kube-dns, CoreDNS is at 0', [dns, deployment('coredns', 'kube-dns', 0)]],
  ['one of two slices has a ready pod', [slice('kube-dns', [on('k8s-1', false)]), dns]],
  [
    'its Service has another name',
    [slice('rke2-coredns', [on('k8s-1', true), on('k8s-2', true)], { 'k8s-app': 'kube-dns' })],
  ],
  ['its DNS is unknown to the kit', []],
  ['endpoints tell no node', [slice('kube-dns', [{ conditions: { ready: true } }])]],
] as const) {
  test(`no fault of a cluster of somebody else: ${what}`, async () => {
    assert.deepEqual(await textsOf(...nodes, ingress, ...objects), none)
  })
}

test('a managed cluster, whose servers are no nodes, has a majority', async () => {
  assert.deepEqual(await textsOf(node('a'), node('b'), ingress, dns, coredns), none)
  const down = node('k8s-1', { role: 'control-plane', conditions: { Ready: 'Unknown' } })
  const { fatal } = await textsOf(down, node('k8s-2'), ingress, dns)
  assert.deepEqual(fatal, ['0 of 1 servers are Ready: no majority|'])
})

test('a node that is away or short of something is named; pressures of other kinds, and past ones, are not', async () => {
  const { partial, fatal } = await textsOf(
    ...nodes,
    node('k8s-3', { conditions: { DiskPressure: 'True', PIDPressure: 'False', ThermalPressure: 'True' } }),
    node('k8s-4', { conditions: { Ready: 'Unknown', MemoryPressure: 'Unknown' } }),
    ingress,
    dns,
  )
  assert.deepEqual(fatal, [])
  assert.deepEqual(partial, [
    'Node k8s-3 has DiskPressure: it takes no new pods and evicts those it has|kubectl describe node k8s-3   shows why',
    'Node k8s-4 is not Ready|kubectl describe node k8s-4   shows why',
  ])
})

test('a cordon is a note with its end; when no other node takes pods it is fatal, with every name', async () => {
  const cordoned = [
    node('k8s-1', { role: 'control-plane', cordoned: true }),
    node('k8s-2', { cordoned: true }),
  ]
  const [first, ...others] = cordoned as [LiveObject, LiveObject]
  assert.deepEqual(await textsOf(first, node('k8s-2'), ingress, dns), {
    ...none,
    notes: ['Node k8s-1 is cordoned: it takes no new pods|kubectl uncordon k8s-1'],
  })
  assert.deepEqual((await textsOf(first, ...others, ingress, dns)).fatal, [
    'no node that takes pods is Ready|kubectl uncordon k8s-1 k8s-2',
  ])
})

test('metrics without a pod, and all DNS on one of several nodes, are notes', async () => {
  const { fatal, notes } = await textsOf(
    ...nodes,
    ingress,
    slice('kube-dns', [on('k8s-2', true), on('k8s-2', true), on('k8s-1', false)]),
    slice('metrics-server', []),
    deployment('metrics-server', 'metrics-server', 0),
  )
  assert.deepEqual(fatal, [])
  assert.deepEqual(notes, [
    'the cluster DNS runs on k8s-2 only: pods resolve no names when it is lost|',
    'Deployment kube-system/metrics-server is scaled to 0: autoscalers do not act|kubectl --namespace kube-system scale deployment/metrics-server --replicas=1',
  ])
  const alone = await textsOf(node('k8s-1'), ingress, slice('kube-dns', [on('k8s-1', true)]))
  assert.deepEqual(alone, none)
})

test('the provisioner of K3s is one pod: more, or none, is a note with the way back', async () => {
  const notesWith = async (replicas?: number) =>
    (await textsOf(...nodes, ingress, dns, deployment('local-path-provisioner', '', replicas))).notes
  const next = 'kubectl --namespace kube-system scale deployment/local-path-provisioner --replicas=1'
  const name = 'Deployment kube-system/local-path-provisioner'
  assert.deepEqual([await notesWith(), await notesWith(1)], [[], []])
  assert.deepEqual(await notesWith(2), [
    `${name} wants 2 pods: it must be one, for it elects no leader and each makes the same volume|${next}`,
  ])
  assert.deepEqual(await notesWith(0), [`${name} is scaled to 0: no new volume is made|${next}`])
})

test('the overview tells the nodes, and the worst fault of the cluster', async () => {
  assert.equal(clusterNow((await look(...nodes, ingress, dns)).look), '2 of 2 nodes ready')
  const short = node('k8s-3', { conditions: { DiskPressure: 'True' } })
  const now = clusterNow((await look(...nodes, short, ingress, slice('kube-dns', null))).look)
  assert.equal(now, '3 of 3 nodes ready, the cluster DNS (kube-dns) has no ready pod: pods resolve no names')
})
