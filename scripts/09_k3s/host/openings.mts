import { isIPv4 } from 'node:net'
import type { Member } from '../../../lib/hosts/hosts.mts'
import { canonicalRange } from './cidr.mts'
import { itemsOf } from '../../../lib/settings/validators.mts'
import type { K3sSettings } from '../settings.mts'

// THE table of what hosts must let through: preflight probes these ports, preparation opens them.

type Source = 'masters' | 'nodes' | 'balancers' | 'admins'

export interface Opening {
  readonly what: string
  readonly protocol: 'tcp' | 'udp'
  /** `6443`, or `2379-2380`. */
  readonly ports: string
  readonly to: 'masters' | 'nodes'
  readonly from: readonly Source[]
  readonly when?: (settings: K3sSettings) => boolean
}

const outside: readonly Source[] = ['balancers', 'admins']

export const openings: readonly Opening[] = [
  { what: 'API', protocol: 'tcp', ports: '6443', to: 'masters', from: ['nodes', ...outside] },
  // Clients, members, and the metrics any API server is asked for.
  { what: 'etcd', protocol: 'tcp', ports: '2379-2381', to: 'masters', from: ['masters'] },
  { what: 'kubelet', protocol: 'tcp', ports: '10250', to: 'nodes', from: ['nodes'] },
  {
    what: 'VXLAN',
    protocol: 'udp',
    ports: '8472',
    to: 'nodes',
    from: ['nodes'],
    when: ({ FLANNEL_BACKEND }) => FLANNEL_BACKEND === 'vxlan',
  },
  {
    what: 'WireGuard',
    protocol: 'udp',
    ports: '51820',
    to: 'nodes',
    from: ['nodes'],
    when: ({ FLANNEL_BACKEND }) => FLANNEL_BACKEND === 'wireguard-native',
  },
  ...['80', '443'].map((ports): Opening => ({
    what: 'ingress',
    protocol: 'tcp',
    ports,
    to: 'nodes',
    // Pods that ask a public name come with the address of their node. What enters by the NodePort arrives at 80 too.
    from: ['nodes', ...outside],
  })),
]

/** The openings of these settings: the NodePort of the ingress is one while it is set. */
export const openingsOf = (settings: K3sSettings): Opening[] => {
  const { INGRESS_NODE_PORT: port } = settings
  const nodePort: Opening[] =
    port === 0
      ? []
      : [{ what: 'NodePort', protocol: 'tcp', ports: String(port), to: 'nodes', from: ['nodes', ...outside] }]
  return [...openings, ...nodePort].filter(({ when = () => true }) => when(settings))
}

/** What one source may reach on one host; no ports: everything, and through it. */
export interface Rule {
  readonly source: string
  /** It is a host of the cluster, whose packets go on to pods as well. */
  readonly member?: boolean
  readonly protocol?: Opening['protocol']
  readonly ports: readonly string[]
}

const addressesOf = (text: string | undefined): string[] =>
  itemsOf(text)
    .map((item) => item.replace(/:\d+$/, ''))
    .filter((item) => isIPv4(item.split('/')[0] ?? ''))
    // What a firewall gives back must be what it was told: else every run would find it missing.
    .map(canonicalRange)

/** Load balancers, as far as the settings give their addresses. */
export const balancersOf = (settings: K3sSettings): string[] => [
  ...new Set([
    ...addressesOf(settings.TRUSTED_PROXIES),
    ...addressesOf(settings.API_ADDRESSES),
    ...addressesOf(settings.INGRESS_ADDRESSES),
  ]),
]

const firstPort = (ports: string): number => Number.parseInt(ports, 10)

/** Which ports of one host each source may reach, by source; pods and Services come whole. Pure. */
export function rulesFor(
  host: Pick<Member, 'address' | 'role'>,
  members: readonly Member[],
  settings: K3sSettings,
): Rule[] {
  const sources: Readonly<Record<Source, readonly string[]>> = {
    masters: members.filter(({ role }) => role === 'master').map(({ address }) => address),
    nodes: members.map(({ address }) => address),
    balancers: balancersOf(settings),
    admins: addressesOf(settings.ADMIN_ADDRESSES),
  }
  const here = openingsOf(settings).filter(({ to }) => to === 'nodes' || host.role === 'master')
  const all = [...new Set(here.flatMap(({ from }) => from.flatMap((one) => sources[one])))]
  const others = all.filter((source) => source !== host.address)
  const rules = others.flatMap((source) =>
    (['tcp', 'udp'] as const).flatMap((protocol): Rule[] => {
      const ports = here
        .filter((one) => one.protocol === protocol && one.from.some((kind) => sources[kind].includes(source)))
        .map(({ ports }) => ports)
      return ports.length === 0
        ? []
        : [
            {
              source,
              member: sources.nodes.includes(source),
              protocol,
              ports: ports.toSorted((a, b) => firstPort(a) - firstPort(b)),
            },
          ]
    }),
  )
  return [
    ...rules,
    ...[settings.CLUSTER_CIDR, settings.SERVICE_CIDR].map((range) => ({
      source: canonicalRange(range),
      ports: [],
    })),
  ]
}
