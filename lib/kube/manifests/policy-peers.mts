import { BlockList } from 'node:net'
import { canonicalRange } from '../addresses.mts'
import type { NetworkPolicy } from '../types.mts'

// Peers of NetworkPolicies, by address. Pure.

/** Parts of a NetworkPolicy. */
export type Spec = NonNullable<NetworkPolicy['spec']>
export type Ingress = NonNullable<Spec['ingress']>[number]
export type Egress = NonNullable<Spec['egress']>[number]
export type Peer = NonNullable<Ingress['from']>[number]
type Port = NonNullable<Ingress['ports']>[number]

/** Addresses of the cluster and of the operator's network that policies are made from. */
export interface Surroundings {
  /** Source addresses of the hosts of the cluster, as pods see them. */
  readonly sources: readonly string[]
  /** Addresses of the nodes: on ports 80 and 443 the ingress listens there. */
  readonly nodes: readonly string[]
  /** Ranges of pods and Services. */
  readonly ranges: readonly string[]
  /** PRIVATE_TARGETS: address or range, and a TCP port, if one is named. */
  readonly targets: readonly { readonly range: string; readonly port?: number }[]
}

/** A peer by its address or range in CIDR notation, without the ranges of `except`. */
export const block = (range: string, except: readonly string[] = []): Peer => ({
  ipBlock: {
    cidr: canonicalRange(range),
    ...(except.length === 0 ? {} : { except: except.map(canonicalRange) }),
  },
})

/** A TCP port. */
export const tcp = (port: number): Port => ({ protocol: 'TCP', port })

/** Networks that are not public: private (RFC 1918, RFC 6598), loopback, link-local with its metadata servers. */
const privateRanges = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
]
const isPrivate = new BlockList()
for (const range of privateRanges) {
  const [network = '', bits] = range.split('/')
  isPrivate.addSubnet(network, Number(bits))
}

/** Egress to the internet, see Flow. */
export function internet({ nodes, ranges, targets }: Surroundings): Egress[] {
  const others = [...nodes, ...ranges].filter((range) => !isPrivate.check(range.split('/')[0] ?? ''))
  return [
    { to: [block('0.0.0.0/0', [...privateRanges, ...new Set(others)])] },
    // Public names may resolve to the nodes themselves, where these ports are open to everyone.
    ...(nodes.length === 0
      ? []
      : [{ to: nodes.map((address) => block(address)), ports: [tcp(80), tcp(443)] }]),
    ...targets.map(({ range, port }) => ({
      to: [block(range)],
      ...(port === undefined ? {} : { ports: [tcp(port)] }),
    })),
  ]
}

/**
 * Port of K3s' API server on nodes. Its Service's address is translated before policies are evaluated (kube-router).
 */
const apiPort = 6443

/** Egress to the API server, see Flow. */
export const apiServer = ({ nodes }: Surroundings): Egress[] =>
  nodes.length === 0 ? [] : [{ to: nodes.map((address) => block(address)), ports: [tcp(apiPort)] }]
