import { passed } from '../../../lib/checks/checks.mts'
import { leastSettings, sysctlFile } from '../prepare/kernel.mts'
import { must, should, type HostCheck, type HostFacts } from './check.mts'
import { tools } from './script.mts'

// The kernel: version, modules, control groups, settings; and the tools beside it.

const module = (
  name: string,
  why: string,
  { waivable = false, when = () => true }: { waivable?: boolean; when?: (host: HostFacts) => boolean } = {},
): HostCheck => ({
  id: `host.module-${name.replaceAll('_', '-')}`,
  title: `The kernel has ${name}: ${why}`,
  fix: `modprobe ${name}; on a small cloud image install the full kernel or linux-modules-extra`,
  waivable,
  ask(host) {
    if (!when(host)) return passed('not needed')
    const there = host.said.has('loaded', name) || host.said.has('module', name)
    return must(there, there ? 'there' : 'not found')
  },
})

const setting = (name: string, least: number, why: string): HostCheck => ({
  id: `host.sysctl-${(name.split('.').at(-1) ?? '').replaceAll('_', '-')}`,
  title: `${name} is high enough: ${why}`,
  fix: `nothing to do: this step writes ${least} into ${sysctlFile}, and now`,
  waivable: true,
  ask({ said }) {
    const seen = Number(said.all('sysctl').find(([key]) => key === name)?.[1] ?? Number.NaN)
    return should(seen >= least, Number.isNaN(seen) ? 'not readable' : `${seen}, wanted ${least}`)
  },
})

const controller = (name: string): HostCheck => ({
  id: `host.cgroup-${name}`,
  title: `Control groups have the controller ${name}`,
  fix: `boot with cgroup_enable=${name}; on a Raspberry Pi in /boot/firmware/cmdline.txt`,
  waivable: false,
  ask({ said }) {
    const [, ...controllers] = said.all('cgroup')[0] ?? []
    return must(
      controllers.includes(name),
      controllers.includes(name) ? 'there' : `only ${controllers.join(' ')}`,
    )
  },
})

/** `5.15.0-91-generic`: 5.15 */
const kernelOf = ({ said }: HostFacts): [major: number, minor: number] => {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(said.one('kernel') ?? '') ?? []
  return [Number(major), Number(minor)]
}

const tool = (name: string): HostCheck => ({
  id: `host.tool-${name}`,
  title: `The command ${name} is there`,
  fix: `apt-get install the package that has ${name}`,
  waivable: false,
  ask: ({ said }) => must(!said.has('missing', name), said.has('missing', name) ? 'not found' : 'there'),
})

export const kernel: readonly HostCheck[] = [
  {
    id: 'host.kernel',
    title: 'The kernel is recent enough',
    fix: 'upgrade the system: Kubernetes wants 5.4 or newer here',
    waivable: true,
    ask(host) {
      const [major, minor] = kernelOf(host)
      return must(major > 5 || (major === 5 && minor >= 4), host.said.one('kernel') ?? 'unknown')
    },
  },
  module('overlay', 'layers of images'),
  module('br_netfilter', 'Services for pods of one node'),
  module('nf_conntrack', 'Services'),
  module('nf_tables', 'packet filters', {
    waivable: true,
    when: ({ said }) => said.one('iptables')?.includes('nf_tables') === true,
  }),
  module('vxlan', 'the overlay between nodes', {
    when: ({ settings }) => settings.FLANNEL_BACKEND === 'vxlan',
  }),
  module('wireguard', 'the overlay between nodes', {
    when: ({ settings }) => settings.FLANNEL_BACKEND === 'wireguard-native',
  }),
  {
    id: 'host.cgroup',
    title: 'Control groups are of version 2',
    fix: 'boot without systemd.unified_cgroup_hierarchy=0; Kubernetes 1.35 and newer refuse version 1 unless told otherwise',
    waivable: true,
    ask: ({ said }) => must(said.has('cgroup', '2'), `version ${said.all('cgroup')[0]?.[0] ?? 'unknown'}`),
  },
  ...['cpu', 'cpuset', 'memory', 'pids'].map(controller),
  // The two of the network are set whenever K3s starts: nobody needs to hear of them.
  ...leastSettings
    .filter(({ name }) => !name.startsWith('net.'))
    .map(({ name, least, why }) => setting(name, least, why)),
  {
    id: 'host.panic-on-oom',
    title: 'Lack of memory ends a process, not the host',
    fix: 'sysctl -w vm.panic_on_oom=0',
    waivable: true,
    ask: ({ said }) =>
      must(
        !said.has('sysctl', 'vm.panic_on_oom', '1'),
        said.has('sysctl', 'vm.panic_on_oom', '1') ? '1' : '0',
      ),
  },
  {
    id: 'host.rp-filter',
    title: 'Packets that come back by another interface are not dropped',
    fix: 'sysctl -w net.ipv4.conf.all.rp_filter=2, or 0',
    waivable: true,
    ask: ({ said }) =>
      should(
        !said.has('sysctl', 'net.ipv4.conf.all.rp_filter', '1'),
        said.has('sysctl', 'net.ipv4.conf.all.rp_filter', '1') ? 'strict (1)' : 'loose or off',
      ),
  },
  {
    id: 'host.seccomp',
    title: 'The kernel filters system calls: pods run with the runtime’s default profile',
    fix: 'use a kernel with CONFIG_SECCOMP_FILTER',
    waivable: false,
    ask: ({ said }) => must(said.has('seccomp', 'yes'), said.one('seccomp') ?? 'not found'),
  },
  {
    id: 'host.apparmor',
    title: 'AppArmor, where it is on, has its parser',
    fix: 'apt-get install apparmor',
    waivable: true,
    ask: ({ said }) => must(said.one('apparmor') !== 'Y', said.one('apparmor') ?? 'off'),
  },
  {
    id: 'host.selinux',
    title: 'SELinux does not enforce without K3s’ own policy',
    fix: 'install k3s-selinux, or setenforce 0',
    waivable: true,
    ask: ({ said }) => must(said.one('selinux') !== 'Enforcing', said.one('selinux') ?? 'off'),
  },
  {
    id: 'host.files',
    title: 'A process may open enough files',
    fix: 'raise nofile in /etc/security/limits.conf',
    waivable: true,
    ask: ({ said }) => should(!(said.number('nofile') < 1024), said.one('nofile') ?? 'unknown'),
  },
  {
    id: 'host.journal',
    title: 'The journal outlives a restart',
    fix: 'mkdir /var/log/journal && systemctl restart systemd-journald',
    waivable: true,
    ask: ({ said }) => should(said.one('journal') === 'persistent', said.one('journal') ?? 'unknown'),
  },
  {
    id: 'host.path',
    title: '/usr/local/bin is on the path',
    fix: 'add it to secure_path in sudoers, or to PATH',
    waivable: true,
    ask: ({ said }) =>
      should(!said.has('path', 'missing'), said.has('path', 'missing') ? 'missing' : 'there'),
  },
  ...tools.map(tool),
]
