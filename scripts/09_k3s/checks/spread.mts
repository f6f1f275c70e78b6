import { pollUntil } from '../../../lib/base/poll.mts'
import { failed, passed, warning, type Answer, type Check } from '../../../lib/checks/checks.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { podsOf } from '../addons/apply.mts'
import { placementOf, type Placement } from '../addons/placement.mts'
import { spreadOf } from '../addons/spread.mts'
import { isKitMade } from '../probes/cluster-facts.mts'
import type { K3sSettings } from '../settings.mts'
import { nodesOf, type Tools } from './nodes.mts'

// Whether DNS and metrics survive the loss of a machine.

/** Milliseconds in which a new pod may still become ready. */
const youngFor = 60_000

const isYoung = ({ metadata }: LiveObject): boolean =>
  Date.now() - Date.parse(metadata.creationTimestamp ?? '') < youngFor

/** Where an addon serves; read again while one of its pods is new. */
async function placed(tools: Tools, addon: 'dns' | 'metrics'): Promise<Placement> {
  const nodes = await nodesOf(tools)
  const { placement } = await pollUntil(
    async () => {
      const pods = await podsOf(tools.kube, addon)
      return { pods, placement: placementOf(nodes, pods, spreadOf(nodes)[addon]) }
    },
    {
      until: ({ pods, placement }) => placement.missing === '' || !pods.some(isYoung),
      milliseconds: youngFor,
      every: 2000,
    },
  )
  return placement
}

/** A failure on a cluster that the kit installed, which it can repair; a warning on another one. */
const wrong = async (tools: Tools, evidence: string): Promise<Answer> =>
  (await isKitMade(tools)) ? failed(evidence) : warning(evidence)

async function answer(tools: Tools, addon: 'dns' | 'metrics'): Promise<Answer> {
  const { serving, missing, waitingFor } = await placed(tools, addon)
  const waits = waitingFor.length === 0 ? '' : `; one pod waits for ${waitingFor.join(', ')}, not Ready`
  if (missing !== '') return wrong(tools, `${missing}${waits}`)
  return passed(`on ${serving.length} nodes${waits}`)
}

export const dnsNodes: Check<K3sSettings> = {
  id: 'k3s.dns-nodes',
  title: 'CoreDNS runs on every node, on ten at most: a lost node takes no names away',
  fix: 'run module 9 again, its step 04 sets the number of pods and brings them apart; kubectl -n kube-system describe pods -l k8s-app=kube-dns shows why one does not run',
  ask: (tools) => answer(tools, 'dns'),
}

export const metricsNodes: Check<K3sSettings> = {
  id: 'k3s.metrics-nodes',
  title: 'metrics-server runs on two nodes: autoscalers go on when one is lost',
  fix: 'run module 9 again, its step 04 sets the number of pods and brings them apart; kubectl -n kube-system describe pods -l k8s-app=metrics-server shows why one does not run',
  ask: (tools) => answer(tools, 'metrics'),
}

interface Endpoint {
  nodeName?: string
  conditions?: { ready?: boolean }
  hints?: { forNodes?: { name: string }[] }
}

export const dnsNear: Check<K3sSettings> = {
  id: 'k3s.dns-near',
  title: 'Every node asks the CoreDNS it runs itself',
  fix: 'run module 9 again, its step 04 sets trafficDistribution PreferSameNode on Service kube-dns',
  async ask(tools) {
    const nodes = await nodesOf(tools)
    if (!spreadOf(nodes).near)
      return warning(
        'Kubernetes before 1.34 cannot: when a node is lost, lookups that meet its CoreDNS fail until it is NotReady',
      )
    const slices = await tools.kube.list('endpointslices.discovery.k8s.io', {
      namespace: 'kube-system',
      labels: { 'kubernetes.io/service-name': 'kube-dns' },
    })
    const endpoints = slices
      .flatMap((slice) => (slice['endpoints'] ?? []) as Endpoint[])
      .filter(({ conditions }) => conditions?.ready !== false)
    const without = endpoints.filter(
      ({ nodeName, hints }) => !(hints?.forNodes ?? []).some(({ name }) => name === nodeName),
    )
    if (endpoints.length === 0) return failed('no endpoint of kube-dns is ready')
    if (without.length === 0) return passed(`${endpoints.length} endpoints, each for its own node`)
    return wrong(tools, `no hint for ${without.map(({ nodeName = 'no node' }) => nodeName).join(', ')}`)
  },
}
