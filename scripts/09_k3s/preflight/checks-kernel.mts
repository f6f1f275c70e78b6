import { leastSettings, sysctlFile } from '../prepare/kernel.mts'
import { installing, must, should, type HostCheck, type HostFacts } from './check.mts'
import { kernelModules } from './checks-modules.mts'
import { tools } from './script.mts'

// The kernel: version, control groups, settings; and the commands the kit needs on a host.

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

/** Major and minor version: 5 and 15 of `5.15.0-91-generic`. */
const kernelOf = ({ said }: HostFacts): [major: number, minor: number] => {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(said.one('kernel') ?? '') ?? []
  return [Number(major), Number(minor)]
}

/** The packages of commands whose package has another name, for Debian and for RHEL. */
const packages: Readonly<Record<string, readonly [debian: string, rhel?: string]>> = {
  awk: ['gawk'],
  sha256sum: ['coreutils'],
  stat: ['coreutils'],
  flock: ['util-linux'],
  nsenter: ['util-linux'],
  mount: ['mount', 'util-linux'],
  journalctl: ['systemd'],
  ip: ['iproute2', 'iproute'],
  ss: ['iproute2', 'iproute'],
}

const tool = (name: string): HostCheck => ({
  id: `host.tool-${name}`,
  title: `The command ${name} is there`,
  fix: installing(...(packages[name] ?? [name])),
  waivable: false,
  ask: ({ said }) => must(!said.has('missing', name), said.has('missing', name) ? 'not found' : 'there'),
})

export const kernel: readonly HostCheck[] = [
  {
    id: 'host.kernel',
    title: 'The kernel is recent enough',
    fix: 'upgrade the system: Kubernetes wants 5.4 or newer here',
    waivable: true,
    onlyBare: true,
    ask(host) {
      const [major, minor] = kernelOf(host)
      return must(major > 5 || (major === 5 && minor >= 4), host.said.one('kernel') ?? 'unknown')
    },
  },
  ...kernelModules,
  {
    id: 'host.cgroup',
    title: 'Control groups are of version 2',
    fix: 'boot without systemd.unified_cgroup_hierarchy=0: with version 1 the kubelet of Kubernetes 1.35 and newer ends at once. A reason to waive it is only a file of yours in /var/lib/rancher/k3s/agent/etc/kubelet.conf.d that says failCgroupV1: false',
    waivable: true,
    ask: ({ said }) => must(said.has('cgroup', '2'), `version ${said.all('cgroup')[0]?.[0] ?? 'unknown'}`),
  },
  ...['cpu', 'cpuset', 'memory', 'pids'].map(controller),
  // K3s sets the two of the network whenever it starts, so they need no check.
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
    fix: 'dnf install k3s-selinux (of rpm.rancher.io); the start of K3s then sets K3S_SELINUX=true and the labels of its program. Or SELINUX=permissive in /etc/selinux/config, and setenforce 0',
    waivable: true,
    ask({ said }) {
      const [mode = 'off', policy] = said.all('selinux')[0] ?? []
      return must(
        mode !== 'Enforcing' || policy !== undefined,
        policy === undefined ? mode : `${mode}, with ${policy}`,
      )
    },
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
