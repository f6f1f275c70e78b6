import { isIPv4 } from 'node:net'
import { few } from '../../../lib/base/few.mts'
import { failed, passed, warning } from '../../../lib/checks/checks.mts'
import { isInRange } from '../host/cidr.mts'
import { balancersOf, rulesFor } from '../host/openings.mts'
import { firewallTasks, pending } from '../prepare/tasks.mts'
import { must, should, type HostCheck, type HostFacts } from './check.mts'
import { policyOf, stoppedAtInput, stoppingRule } from './iptables.mts'
import { publicAddressesOf, type OpenPort } from '../reach/public.mts'
import { blockedText, thisMachine } from '../reach/reach.mts'

// The firewall of a host: which one is active, what it lacks, and whether the other hosts can connect through it.

/** The names of the active firewalls. */
const activeOn = ({ said }: HostFacts): string[] => [
  ...(said.one('ufw') === 'active' ? ['ufw'] : []),
  ...(said.one('zone') === undefined ? [] : ['firewalld']),
  ...(said.has('chain') ? ['nftables'] : []),
]

/** What listens on every address of a node (K3s documentation, "Networking"). */
const listeningPorts = {
  master: '6443, 2379, 2380, 10250 and 8472/udp',
  worker: '10250 and 8472/udp',
} as const

/** Which firewall deletes the rules of kube-proxy, flannel and kube-router at a reload; undefined when none does. */
function flushedBy({ said }: HostFacts): string | undefined {
  if (said.has('flush', 'ruleset') && said.has('unit', 'nftables'))
    return '/etc/nftables.conf has "flush ruleset", and nftables.service is active'
  const [version = '', backend] = said.all('firewalld')[0] ?? []
  if (!said.has('zone') || version === '') return undefined
  if (backend === 'FirewallBackend=iptables') return `firewalld ${version} with ${backend}`
  return leavesRulesAlone(version, said.all('os')[0]?.[0]) ? undefined : `firewalld ${version}`
}

/** True for a firewalld that does not flush foreign rules: 2.0 and newer, on RHEL also 1.2.5 and newer. */
function leavesRulesAlone(version: string, os = ''): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  if (major !== 1) return major > 1
  return /^(rhel|rocky|almalinux|centos|ol)$/.test(os) && (minor > 2 || (minor === 2 && patch >= 5))
}

/** True when this step opens TCP ports to this machine, as the host sees its address. */
const opensForUs = (host: HostFacts): boolean => {
  const us = host.said.one('client')
  const api = rulesFor(host, host.members, host.settings).filter(({ protocol }) => protocol === 'tcp')
  return us !== undefined && api.some(({ source }) => isInRange(us, source))
}

/** Most addresses that an answer names. */
const mostNamed = 3

/** `198.51.100.1 answers this machine on tcp 6443, 10250`, for each address. */
function answersText(open: readonly OpenPort[]): string {
  const portsAt = (address: string) => open.filter((one) => one.address === address).map(({ port }) => port)
  const addresses = [...new Set(open.map(({ address }) => address))]
  return addresses.map((one) => `${one} answers this machine on tcp ${portsAt(one).join(', ')}`).join('; ')
}

export const firewall: readonly HostCheck[] = [
  {
    id: 'host.firewall',
    title: 'At most one program rules the firewall; what K3s needs of it, this step opens',
    fix: 'keep one: ufw disable, or systemctl disable --now firewalld',
    waivable: true,
    ask(host) {
      const active = activeOn(host)
      if (active.includes('ufw') && active.includes('firewalld'))
        return failed('ufw and firewalld are active')
      if (active.length === 0) return passed('none active')
      const missing = pending(firewallTasks(host))
      return passed(`${active.join(' and ')}: ${missing.length === 0 ? 'open' : 'opened by this step'}`)
    },
  },
  {
    id: 'host.public-ports',
    title: 'The ports of K3s are closed to the internet',
    fix: 'ufw enable, with a rule for SSH, before this step: it then opens what the cluster needs and nothing else. Behind a firewall that lets these ports through: take that rule away. Where the provider’s firewall closes them: --set WAIVED="host.public-ports: closed by the firewall of the provider"',
    waivable: true,
    ask(host) {
      const { publicAddress } = host.members.find(({ name }) => name === host.name) ?? {}
      const addresses = publicAddressesOf({ ...host, publicAddress })
      if (addresses.length === 0) return passed('no public address')
      const named = few(addresses, mostNamed)
      const active = activeOn(host).join(' and ')
      // A firewall that allows this machine to reach the API does what the settings want.
      const open = host.publicPorts.filter(({ port }) => port !== 6443 || active === '' || !opensForUs(host))
      if (open.length > 0) return warning(answersText(open))
      return should(
        active !== '',
        active === ''
          ? `${named} and no firewall: ${listeningPorts[host.role]} will be open to everybody`
          : `${named}, behind ${active}`,
      )
    },
  },
  {
    id: 'host.firewall-balancers',
    title: 'A firewall knows the load balancers it must let through to the ingress',
    fix: 'set TRUSTED_PROXIES to the private addresses of the load balancers, comma-separated',
    waivable: true,
    ask: (host) =>
      should(
        activeOn(host).length === 0 || balancersOf(host.settings).length > 0,
        activeOn(host).length === 0
          ? 'no firewall'
          : balancersOf(host.settings).join(', ') || 'none is named',
      ),
  },
  {
    id: 'host.forward',
    title: 'Packets of pods may be forwarded',
    fix: 'iptables -D FORWARD with the rule that is named, and where the rules are kept for the next start (/etc/iptables/rules.v4): flannel adds its own behind it',
    waivable: true,
    onlyBare: true,
    ask({ said }) {
      const rule = stoppingRule(said, 'FORWARD', /^-j (ACCEPT|FLANNEL-FWD)$/)
      if (rule !== undefined) return failed(`-A FORWARD ${rule} stops what no rule before it lets through`)
      // The chain's policy applies last: flannel's rule accepts packets of pods before it.
      return passed(policyOf(said, 'FORWARD') ?? 'no iptables')
    },
  },
  {
    id: 'host.input',
    title: 'Rules made with iptables alone let pods reach their node',
    fix: 'iptables -I INPUT -j ACCEPT -s with each range that is named, and where the rules are kept for the next start: the kit does not write to them',
    waivable: true,
    ask(host) {
      const { said, settings } = host
      // ufw and firewalld manage their own rules, and this step adds to them.
      if (activeOn(host).some((one) => one !== 'nftables')) return passed('not by iptables alone')
      const stopped = stoppedAtInput(said, [settings.CLUSTER_CIDR, settings.SERVICE_CIDR])
      return should(stopped.length === 0, stopped.length === 0 ? 'open' : `stops ${stopped.join(' and ')}`)
    },
  },
  {
    id: 'host.firewall-reload',
    title: 'A reload of the firewall leaves the rules of K3s alone',
    fix: 'after each reload, restart or start of it, on this host: systemctl restart k3s (k3s-agent on workers). Until then Services fail for up to a minute and NetworkPolicies let everything pass for up to five. In /etc/nftables.conf for good: "add table inet filter; delete table inet filter" for your table filter, and so for each other one, in the place of "flush ruleset"; firewalld: 2.0 or newer (on RHEL 1.2.5), FirewallBackend=nftables',
    waivable: true,
    ask(host) {
      const flushed = flushedBy(host)
      return should(flushed === undefined, flushed ?? 'it does')
    },
  },
  {
    id: 'host.firewall-trusted',
    title: 'firewalld trusts no host that left',
    fix: 'firewall-cmd --zone=trusted --remove-source= with each address that is named, and again with --permanent: its rules carry no name, so the kit takes none away',
    waivable: true,
    ask(host) {
      const known = new Set(rulesFor(host, host.members, host.settings).map(({ source }) => source))
      const trusted = host.said
        .all('trusted')
        .flatMap(([, source = '']) => (known.has(source) ? [] : [source]))
      const left = [...new Set(trusted)].filter((source) => isIPv4(source) && source !== host.address)
      return should(left.length === 0, left.length === 0 ? 'none' : `trusts ${few(left, 3)}`)
    },
  },
  {
    id: 'host.reach',
    title: 'Every machine that must reach its ports gets through: real connections, both ways for UDP',
    fix: 'what this step does not open: let it through in the firewall of the host, or the provider’s; this machine: its address in ADMIN_ADDRESSES; with --limit the others stay as they are: run once without it',
    waivable: true,
    ask(host) {
      if (host.blocked.length === 0) return passed('all got through')
      const text = blockedText(host)
      const opened =
        pending(firewallTasks(host)).length > 0 &&
        (opensForUs(host) || host.blocked.every(({ from }) => from !== thisMachine))
      return opened ? warning(`${text}; this step opens them`) : must(false, text)
    },
  },
]
