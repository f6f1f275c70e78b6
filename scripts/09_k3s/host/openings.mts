import { isIPv4 } from 'node:net'
import type { Member } from '../../../lib/hosts/hosts.mts'
import { canonicalRange } from './cidr.mts'
import { itemsOf } from '../../../lib/settings/validators.mts'
import type { K3sSettings } from '../settings.mts'

// The only table of what the firewalls of hosts must allow: preflight probes these ports, preparation opens them.

type Source = 'masters' | 'workers' | 'nodes' | 'balancers' | 'admins'

/** Ports of one role that machines of some kind must reach. */
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

/** Every opening except the NodePort, for all overlays; see openingsOf. */
export const openings: readonly Opening[] = [
  { what: 'API', protocol: 'tcp', ports: '6443', to: 'masters', from: ['nodes', ...outside] },
  // 2379 clients, 2380 peers, 2381 metrics: checks request those of each member through any API server.
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
  // Prometheus runs on any node, and comes to another one from the address of its own.
  {
    what: 'metrics of etcd',
    protocol: 'tcp',
    ports: '2381',
    to: 'masters',
    from: ['workers'],
    when: ({ MONITORING }) => MONITORING,
  },
  {
    what: 'metrics of nodes',
    protocol: 'tcp',
    ports: '9100',
    to: 'nodes',
    from: ['nodes'],
    when: ({ MONITORING }) => MONITORING,
  },
  ...['80', '443'].map((ports): Opening => ({
    what: 'ingress',
    protocol: 'tcp',
    ports,
    to: 'nodes',
    // A pod's request to a public name comes from the address of its node. The NodePort also leads to port 80.
    from: ['nodes', ...outside],
  })),
]

/** The openings these settings need, with the NodePort of the ingress when one is set. Pure. */
export const openingsOf = (settings: K3sSettings): Opening[] => {
  const { INGRESS_NODE_PORT: port } = settings
  const nodePort: Opening[] =
    port === 0
      ? []
      : [{ what: 'NodePort', protocol: 'tcp', ports: String(port), to: 'nodes', from: ['nodes', ...outside] }]
  return [...openings, ...nodePort].filter(({ when = () => true }) => when(settings))
}

/** What one source may reach on one host. Without ports: everything, also what the host forwards. */
export interface Rule {
  /** IPv4 address or range, see canonicalRange. */
  readonly source: string
  /** It is a host of the cluster, whose packets are also forwarded to pods. */
  readonly member?: boolean
  readonly protocol?: Opening['protocol']
  /** Single ports, or ranges such as `2379-2381`. */
  readonly ports: readonly string[]
}

const addressesOf = (text: string | undefined): string[] =>
  itemsOf(text)
    .map((item) => item.replace(/:\d+$/, ''))
    .filter((item) => isIPv4(item.split('/')[0] ?? ''))
    // As the firewall prints it: a rule in another spelling would be missing in every run.
    .map(canonicalRange)

/** IPv4 addresses and ranges of the load balancers, as far as the settings have them; names are ignored. Pure. */
export const balancersOf = (settings: K3sSettings): string[] => [
  ...new Set([
    ...addressesOf(settings.TRUSTED_PROXIES),
    ...addressesOf(settings.API_ADDRESSES),
    ...addressesOf(settings.INGRESS_ADDRESSES),
  ]),
]

const firstPort = (ports: string): number => Number.parseInt(ports, 10)

/** Which ports of one host each source may reach; the ranges of pods and Services may reach everything. Pure. */
export function rulesFor(
  host: Pick<Member, 'address' | 'role'>,
  members: readonly Member[],
  settings: K3sSettings,
): Rule[] {
  const sources: Readonly<Record<Source, readonly string[]>> = {
    masters: members.filter(({ role }) => role === 'master').map(({ address }) => address),
    workers: members.filter(({ role }) => role !== 'master').map(({ address }) => address),
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
