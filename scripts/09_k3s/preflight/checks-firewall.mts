import { failed, passed, warning } from '../../../lib/checks/checks.mts'
import { isInRange } from '../host/cidr.mts'
import { balancersOf, rulesFor } from '../host/openings.mts'
import { firewallTasks, lacking } from '../prepare/tasks.mts'
import { must, should, type HostCheck, type HostFacts } from './check.mts'
import { isPublic } from '../reach/public.mts'
import { blockedText, thisMachine } from '../reach/reach.mts'

// The firewall of a host: which, what it lacks, and whether the others come through it.

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

/** This machine, as the host sees it, is let through by what the step opens. */
const opensForUs = (host: HostFacts): boolean => {
  const us = host.said.one('client')
  const api = rulesFor(host, host.members, host.settings).filter(({ protocol }) => protocol === 'tcp')
  return us !== undefined && api.some(({ source }) => isInRange(us, source))
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
      const missing = lacking(firewallTasks(host))
      return passed(`${active.join(' and ')}: ${missing.length === 0 ? 'open' : 'opened by this step'}`)
    },
  },
  {
    id: 'host.public-ports',
    title: 'The ports of K3s are closed to the internet',
    fix: 'ufw enable, with a rule for SSH, before this step: it then opens what the cluster needs and nothing else. Behind a firewall that lets these ports through: take that rule away. Where the provider’s firewall closes them: --set WAIVED="host.public-ports: REASON"',
    waivable: true,
    ask(host) {
      const { publicAddress } = host.members.find(({ name }) => name === host.name) ?? {}
      if (!isPublic(publicAddress)) return passed('no public address')
      const active = activeOn(host).join(' and ')
      // A firewall that lets this machine in to the API does what it was told.
      const open = host.publicPorts.filter((port) => port !== 6443 || active === '' || !opensForUs(host))
      if (open.length > 0) return warning(`${publicAddress} answers this machine on tcp ${open.join(', ')}`)
      return should(
        active !== '',
        active === ''
          ? `${publicAddress} and no firewall: ${listeningPorts[host.role]} will be open to everybody`
          : `${publicAddress}, behind ${active}`,
      )
    },
  },
  {
    id: 'host.firewall-balancers',
    title: 'A firewall knows the load balancers it must let through to the ingress',
    fix: '--set TRUSTED_PROXIES=RANGE,...: the private addresses of the load balancers',
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
    fix: 'iptables -P FORWARD ACCEPT, and where the rules are kept for the next start',
    waivable: true,
    ask(host) {
      const policy = host.said.one('forward') ?? 'no iptables'
      // Their policy stays: this step adds rules for the ranges of pods and Services.
      if (policy === 'DROP' && activeOn(host).length > 0)
        return passed(`${policy}; pods by rules of their own`)
      return should(policy !== 'DROP', policy)
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
        lacking(firewallTasks(host)).length > 0 &&
        (opensForUs(host) || host.blocked.every(({ from }) => from !== thisMachine))
      return opened ? warning(`${text}; this step opens them`) : must(false, text)
    },
  },
]
