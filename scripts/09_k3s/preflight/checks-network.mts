import { isInRange, isWithin, rangesOverlap } from '../host/cidr.mts'
import { few } from '../../../lib/base/few.mts'
import { passed } from '../../../lib/checks/checks.mts'
import { must, should, type HostCheck, type HostFacts } from './check.mts'

// The private network, and what would conflict with the ranges of pods and Services.

/** The interface that has the private address; undefined when none has. */
const interfaceOf = ({ said, address }: Pick<HostFacts, 'said' | 'address'>): string | undefined =>
  said.all('address').find(([, one = '']) => one.split('/')[0] === address)?.[0]

/** MTU and state of that interface; MTU 0 and an empty state when there is none. */
const linkOf = (host: Pick<HostFacts, 'said' | 'address'>): { mtu: number; state: string } => {
  const [, mtu = '', state = ''] = host.said.all('link').find(([name]) => name === interfaceOf(host)) ?? []
  return { mtu: Number(mtu), state }
}

/** Names of interfaces that container networks create. */
const ofContainers = /^(cni0|flannel[.\w-]*|cilium.*|cali.*|kube-ipvs0|docker0|weave)$/

/** Names of interfaces that K3s creates itself. */
const ourLinks = /^(cni0|flannel|veth|kube-)/

interface Route {
  /** `default`, an address, or a range. */
  readonly to: string
  readonly link: string
  readonly gateway: string | undefined
}

/** The routes, as `ip route show` prints them. */
const routesOf = ({ said }: Pick<HostFacts, 'said'>): Route[] =>
  said.all('route').map(([to = '', ...words]) => {
    const after = (word: string) => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined)
    return { to, link: after('dev') ?? '', gateway: after('via') }
  })

/** Destinations of routes to a range that K3s did not add. */
const foreignRoutes = (host: HostFacts): string[] =>
  routesOf(host)
    .filter(({ to, link }) => to.includes('/') && !ourLinks.test(link))
    // With host-gw the routes to pods of other nodes use the private interface.
    .filter(({ link }) => !(host.said.has('ours') && link === interfaceOf(host)))
    .map(({ to }) => to)

const free = (id: string, title: string, range: (host: HostFacts) => string, key: string): HostCheck => ({
  id,
  title,
  fix: `choose another ${key}, or take the route away: ip route`,
  waivable: false,
  ask(host) {
    // A route to a larger range (Hetzner routes 10.0.0.0/8 to its private networks) is no conflict: K3s' more specific
    // routes take precedence.
    const clash = foreignRoutes(host).filter((route) => isWithin(route, range(host)))
    return must(
      clash.length === 0,
      clash.length === 0 ? range(host) : `${range(host)} against a route to ${clash.join(', ')}`,
    )
  },
})

/** The gateway of the most specific route to an address; undefined when the address is reached without one. */
function gatewayTo(host: HostFacts, address: string): string | undefined {
  const bits = (to: string) => (to === 'default' ? -1 : Number(to.split('/')[1] ?? 32))
  const [best] = routesOf(host)
    .filter(({ to }) => to === 'default' || (/^[\d./]+$/.test(to) && isInRange(address, to)))
    .toSorted((a, b) => bits(b.to) - bits(a.to))
  return best?.gateway
}

const outside = (id: string, title: string, range: (host: HostFacts) => string, key: string): HostCheck => ({
  id,
  title,
  fix: `choose another ${key}: it cannot be changed once the cluster is there`,
  waivable: false,
  ask: (host) => must(!isInRange(host.address, range(host)), `${host.address}, ${range(host)}`),
})

const pods = ({ settings }: HostFacts): string => settings.CLUSTER_CIDR
const services = ({ settings }: HostFacts): string => settings.SERVICE_CIDR

export const network: readonly HostCheck[] = [
  {
    id: 'host.address',
    title: 'Its private address is on an interface',
    fix: 'correct IP_PRIVEE in servers.tsv, or give the host that address',
    waivable: false,
    ask: (host) =>
      must(interfaceOf(host) !== undefined, interfaceOf(host) ?? `no interface carries ${host.address}`),
  },
  {
    id: 'host.address-unique',
    title: 'No other host has its private address',
    fix: 'give each host an address of its own',
    waivable: false,
    ask: (host) => {
      const twins = host.others.filter((other) =>
        other.said.all('address').some(([, one = '']) => one.split('/')[0] === host.address),
      )
      return must(twins.length === 0, twins.map(({ name }) => name).join(', ') || host.address)
    },
  },
  {
    id: 'host.link',
    title: 'That interface is up',
    fix: 'ip link set INTERFACE up; look at the cable or the provider’s network',
    waivable: false,
    ask: (host) => must(['UP', 'UNKNOWN'].includes(linkOf(host).state), linkOf(host).state || 'not found'),
  },
  {
    id: 'host.mtu',
    title: 'Packets may be large enough for an overlay',
    fix: 'raise the MTU of the private network to 1400 or more',
    waivable: true,
    ask: (host) => must(linkOf(host).mtu >= 1280, `MTU ${linkOf(host).mtu}`),
  },
  {
    id: 'host.mtu-equal',
    title: 'All private interfaces have one MTU',
    fix: 'set one MTU on every host: large packets vanish between two of them otherwise',
    waivable: true,
    ask: (host) => {
      const other = host.others.find((one) => linkOf(one).mtu !== linkOf(host).mtu)
      return must(
        other === undefined,
        other === undefined
          ? `MTU ${linkOf(host).mtu}`
          : `${linkOf(host).mtu}, ${other.name} ${linkOf(other).mtu}`,
      )
    },
  },
  {
    id: 'host.segment',
    title: 'With host-gw: no router lies between it and the other nodes',
    fix: 'FLANNEL_BACKEND=vxlan, before the cluster is made: a router does not know the pods’ ranges (Hetzner Cloud and most clouds route)',
    waivable: true,
    onlyBare: true,
    ask(host) {
      if (host.settings.FLANNEL_BACKEND !== 'host-gw') return passed('not needed')
      const others = host.members.filter(({ address }) => address !== host.address)
      const routed = others.flatMap(({ name, address }) => {
        const gateway = gatewayTo(host, address)
        return gateway === undefined ? [] : [`${name} via ${gateway}`]
      })
      return must(routed.length === 0, routed.length === 0 ? 'one segment' : few(routed, 3))
    },
  },
  {
    id: 'host.default-route',
    title: 'There is a default route: K3s does not start without one',
    fix: 'ip route add default via GATEWAY; a dummy one is enough',
    waivable: false,
    ask: ({ said }) => must(said.has('route', 'default'), said.has('route', 'default') ? 'there' : 'none'),
  },
  {
    id: 'host.one-default-route',
    title: 'There is one default route',
    fix: 'remove the other, or give them metrics on purpose',
    waivable: true,
    ask: ({ said }) => {
      const count = said.all('route').filter(([to]) => to === 'default').length
      return should(count <= 1, String(count))
    },
  },
  free('host.pods-free', 'No route leads into the range of the pods', pods, 'CLUSTER_CIDR'),
  free('host.services-free', 'No route leads into the range of the Services', services, 'SERVICE_CIDR'),
  outside('host.not-a-pod', 'Its address is not one of the pods’', pods, 'CLUSTER_CIDR'),
  outside('host.not-a-service', 'Its address is not one of the Services’', services, 'SERVICE_CIDR'),
  {
    id: 'host.ranges',
    title: 'The ranges of pods and Services do not overlap',
    fix: 'choose CLUSTER_CIDR and SERVICE_CIDR apart from each other',
    waivable: false,
    ask: (host) => must(!rangesOverlap(pods(host), services(host)), `${pods(host)}, ${services(host)}`),
  },
  {
    id: 'host.dns-address',
    title: 'The address of the cluster DNS is one of the Services’',
    fix: 'set CLUSTER_DNS to the tenth address of SERVICE_CIDR',
    waivable: false,
    ask: (host) =>
      must(
        isInRange(host.settings.CLUSTER_DNS, services(host)),
        `${host.settings.CLUSTER_DNS}, ${services(host)}`,
      ),
  },
  {
    id: 'host.no-bridge',
    title: 'No other container network is there',
    fix: 'remove what made it; then the links named: ip link delete',
    waivable: true,
    ask: ({ said }) => {
      const seen = said.all('link').flatMap(([name = '']) => (ofContainers.test(name) ? [name] : []))
      return should(said.has('ours') || seen.length === 0, seen.join(', ') || 'none')
    },
  },
]
