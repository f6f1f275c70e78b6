import { failed, passed, warning } from '../../../lib/checks/checks.mts'
import { isLoop, isUsable, nameServersOf } from '../prepare/resolv-conf.mts'
import { paths } from '../host/paths.mts'
import { must, should, type HostCheck } from './check.mts'

// What else runs or is configured on the host: Docker, iptables, fail2ban, resolvers, proxies.

const unit = (id: string, name: string, title: string, fix: string, waivable = true): HostCheck => ({
  id,
  title,
  fix,
  waivable,
  ask: ({ said }) =>
    must(!said.has('unit', name), said.has('unit', name) ? `${name} runs, or is enabled` : 'not running'),
})

export const surroundings: readonly HostCheck[] = [
  {
    id: 'host.docker',
    title: 'Docker does not share the host',
    fix: 'K3s needs no Docker: it takes memory and writes packet filter rules of its own; stop it where nothing needs it',
    waivable: true,
    ask: ({ said }) =>
      should(!said.has('unit', 'docker'), said.has('unit', 'docker') ? 'docker runs' : 'not running'),
  },
  unit(
    'host.cloud-setup',
    'nm-cloud-setup',
    'No cloud service rewrites the routes',
    'systemctl disable --now nm-cloud-setup.timer nm-cloud-setup, then reboot',
  ),
  {
    id: 'host.iptables',
    title: 'iptables is not one of the broken versions 1.8.0 to 1.8.4',
    fix: 'upgrade iptables, or remove it: K3s brings its own',
    waivable: true,
    ask({ said }) {
      const [version = 'none'] = said.all('iptables')[0] ?? []
      return /^v?1\.8\.[0-4]$/.test(version) ? failed(version) : passed(version)
    },
  },
  {
    id: 'host.iptables-mode',
    title: 'All hosts filter packets the same way',
    fix: 'update-alternatives --set iptables /usr/sbin/iptables-nft on each host',
    waivable: true,
    ask({ said, others }) {
      const mode = (one: typeof said) => one.all('iptables')[0]?.[1] ?? 'none'
      const other = others.find((one) => mode(one.said) !== mode(said))
      return should(
        other === undefined,
        other === undefined ? mode(said) : `${mode(said)}, ${other.name} ${mode(other.said)}`,
      )
    },
  },
  {
    id: 'host.fail2ban',
    title: 'fail2ban does not take the kit for an attack',
    fix: 'add this machine to ignoreip in /etc/fail2ban/jail.local',
    waivable: true,
    ask: ({ said }) =>
      should(!said.has('unit', 'fail2ban'), said.has('unit', 'fail2ban') ? 'it runs' : 'not running'),
  },
  {
    id: 'host.resolver',
    title: 'Names are asked of a server pods can reach too: by IPv4, and not one on the host itself',
    fix: 'write real name servers with IPv4 addresses into /etc/resolv.conf, or keep systemd-resolved with its /run/systemd/resolve/resolv.conf',
    waivable: true,
    ask({ said }) {
      const servers = said.all('nameserver').map(([one = '']) => one)
      if (servers.length === 0) return failed('no nameserver')
      const usable = nameServersOf(said)
      if (usable.some(isUsable)) return passed(servers.join(', '))
      // With IPv6 servers only, pods resolve names of the cluster but no others.
      return said.has('ours') && !usable.some(isLoop)
        ? warning(servers.join(', '))
        : failed(servers.join(', '))
    },
  },
  {
    id: 'host.resolver-count',
    title: 'There are at most three name servers: further ones are never asked',
    fix: 'keep three in /etc/resolv.conf',
    waivable: true,
    ask: ({ said }) => should(said.all('nameserver').length <= 3, String(said.all('nameserver').length)),
  },
  {
    id: 'host.resolver-search',
    title: 'The search list is short: a pod gets three names more',
    fix: 'keep at most three names behind search in /etc/resolv.conf',
    waivable: true,
    ask: ({ said }) => should(!(said.number('search') > 3), said.one('search') ?? 'none'),
  },
  {
    id: 'host.resolver-mutable',
    title: 'resolv.conf can be changed',
    fix: 'chattr -i /etc/resolv.conf',
    waivable: true,
    ask: ({ said }) => should(!said.has('immutable'), said.has('immutable') ? 'immutable' : 'it can'),
  },
  {
    id: 'host.proxy',
    title: 'A proxy, where one is set, leaves the private network alone',
    fix: 'add the private network, the ranges of pods and Services, .svc and .cluster.local to no_proxy; K3s reads none of it, only HOSTS_PROXY and HOSTS_NO_PROXY',
    waivable: true,
    ask({ said }) {
      const set = said.all('proxy').filter(([name]) => name !== 'no_proxy')
      return should(
        set.length === 0 || said.has('proxy', 'no_proxy'),
        set.map((words) => words.join(' ')).join(', ') || 'none',
      )
    },
  },
  {
    id: 'host.registries',
    title: 'Mirrors of registries are as the settings say',
    fix: `take what ${paths.registries} says into HOSTS_MIRROR and the settings beside it, then move the file away; with HOSTS_MIRROR empty it stays in force, and the kit leaves it alone`,
    waivable: false,
    ask({ said, settings: { HOSTS_MIRROR } }) {
      if (!said.has('registries')) return passed(HOSTS_MIRROR === undefined ? 'none' : 'none but the kit’s')
      const seen = `${paths.registries}, which the kit did not write`
      return HOSTS_MIRROR === undefined ? warning(seen) : failed(seen)
    },
  },
]
