import { isServer } from '../../../lib/kube/cluster-view.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import type { K3sSettings } from '../settings.mts'
import { outsideName, parts, probeNamespace, servedPort } from './probe.mts'
import { probesOf, reach, type Probe, type Seen } from '../../../lib/kube/probes.mts'

/** The results of all probes, requested once for all checks. */
export interface Network {
  /** Names of nodes without a running probe. */
  readonly silent: readonly string[]
  readonly probes: readonly Probe[]
  /** The results, by the name of the probe's node. */
  readonly seen: ReadonlyMap<string, Seen>
  readonly nodes: readonly { readonly name: string; readonly address: string; readonly server: boolean }[]
  /** ClusterIP of the Service of the probes; empty without one. */
  readonly service: string
  readonly nodePort: number | undefined
}

/** One item for a probe, see probe-scripts.mts, and how the operator knows it. */
export interface Question {
  readonly item: string
  readonly what: string
}

/** The items for each probe, by kind; empty where there is nothing to test. Pure. */
export const questions = {
  pods: ({ probes }: Network, { node }: Probe): Question[] =>
    probes
      .filter((other) => other.node !== node)
      .map((other) => ({
        item: `who=${other.address}:${servedPort},${other.node}`,
        what: other.node,
      })),
  payload: ({ probes }: Network, { node }: Probe): Question[] =>
    probes
      .filter((other) => other.node !== node)
      .map((other) => ({
        item: `payload=${other.address}:${servedPort}`,
        what: other.node,
      })),
  service: ({ service }: Network): Question[] => [
    { item: `who=${service}:${servedPort}`, what: `${service}:${servedPort}` },
  ],
  nodePort: ({ nodes, nodePort = 0 }: Network): Question[] =>
    nodes.map(({ name, address }) => ({ item: `who=${address}:${nodePort}`, what: name })),
  inside: (): Question[] => [{ item: 'inside', what: 'kubernetes.default.svc' }],
  outside: (_network: Network, _probe: Probe, settings: K3sSettings): Question[] => [
    { item: 'outside', what: outsideName(settings) },
  ],
  canary: ({ nodes }: Network, _probe: Probe, settings: K3sSettings): Question[] =>
    ingressPorts(settings).flatMap((port) =>
      nodes.map(({ name, address }) => ({
        item: `site=${address}:${port}`,
        what: `${name}:${port}`,
      })),
    ),
  health: ({ nodes }: Network, _probe: Probe, settings: K3sSettings): Question[] =>
    ingressPorts(settings).flatMap((port) =>
      nodes.flatMap(({ name, address }) => [
        { item: `page=${address}:${port}`, what: `${name}:${port}` },
        // Only for the kit's own ingress: another one may answer a request without Host as it likes.
        ...(settings.INGRESS_CONTROLLER === 'existing'
          ? []
          : [{ item: `nameless=${address}:${port}`, what: `${name}:${port} by HTTP/1.0 without Host` }]),
      ]),
    ),
} as const satisfies Record<string, (network: Network, probe: Probe, settings: K3sSettings) => Question[]>

/** The ports at which load balancers reach the ingress on every node. Pure. */
export const ingressPorts = ({
  INGRESS_CONTROLLER,
  INGRESS_NODE_PORT,
}: Pick<K3sSettings, 'INGRESS_CONTROLLER' | 'INGRESS_NODE_PORT'>): number[] =>
  INGRESS_NODE_PORT === 0
    ? [80]
    : INGRESS_CONTROLLER === 'existing'
      ? [INGRESS_NODE_PORT]
      : [80, INGRESS_NODE_PORT]

/**
 * Sends every probe all its items.
 * @param nodes the Nodes to reach; probes of other nodes take part too
 * @returns what they saw; a probe that does not answer has no results
 * @throws KitError exit 3, 5 to 9, 12, 130 or 143, see KubeReader
 */
export async function lookAtNetwork(
  kube: KubeReader,
  nodes: readonly LiveObject[],
  settings: K3sSettings,
): Promise<Network> {
  const [probes, services] = await Promise.all([
    probesOf(kube, parts.node),
    kube.list('services', { namespace: probeNamespace }),
  ])
  const specOf = (name: string) =>
    services.find(({ metadata }) => metadata.name === name)?.['spec'] as
      { clusterIP?: string; ports?: { nodePort?: number }[] } | undefined
  const network: Network = {
    silent: nodes
      .map(({ metadata }) => metadata.name)
      .filter((name) => !probes.some(({ node }) => node === name)),
    probes,
    seen: new Map(),
    nodes: nodes.map((node) => ({
      name: node.metadata.name,
      address: addressOf(node),
      server: isServer(node),
    })),
    service: specOf('probe')?.clusterIP ?? '',
    nodePort: specOf('probe-node-port')?.ports?.[0]?.nodePort,
  }
  const seen = await Promise.all(
    probes.map(async (probe) => {
      const asked = Object.values(questions).flatMap((of) => of(network, probe, settings))
      return [probe.node, await reach(kube, probe, [...new Set(asked.map(({ item }) => item))])] as const
    }),
  )
  return { ...network, seen: new Map(seen) }
}

/** The InternalIP of a Node; empty without one. Pure. */
export function addressOf({ status }: LiveObject): string {
  const { addresses = [] } = status as { addresses?: { type: string; address: string }[] }
  return addresses.find(({ type }) => type === 'InternalIP')?.address ?? ''
}
