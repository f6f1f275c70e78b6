import { failed, passed, warning, type Answer } from '../../../lib/checks/checks.mts'
import { shortened } from '../../../lib/base/sensitive.mts'
import { mib, must, should, type HostCheck, type HostFacts } from './check.mts'

// The machine: rights, operating system, processor, memory.

/** Failed below `least`, a warning below `better`, else passed. */
const enough = (seen: number, least: number, better: number, shown: (value: number) => string): Answer => {
  if (!(seen >= least)) return failed(`${shown(seen)}, at least ${shown(least)}`)
  return seen >= better ? passed(shown(seen)) : warning(`${shown(seen)}, better ${shown(better)}`)
}

const server = ({ role }: HostFacts): boolean => role === 'master'

const systems: Readonly<Record<string, number>> = { debian: 11, ubuntu: 20.04 }

function system({ said }: HostFacts): Answer {
  const [id = '', version = ''] = said.all('os')[0] ?? []
  const oldest = systems[id]
  if (oldest === undefined) return warning(`${id} ${version}: the kit is made for Debian and Ubuntu`)
  return must(Number(version) >= oldest, `${id} ${version}`)
}

export const machine: readonly HostCheck[] = [
  {
    id: 'host.root',
    title: 'The kit is root there',
    fix: 'SSH_USER must be root, or may use sudo',
    waivable: false,
    ask: ({ said }) => must(said.one('uid') === '0', `uid ${said.one('uid')}`),
  },
  {
    id: 'host.architecture',
    title: 'The processor is one K3s is made for',
    fix: 'use an x86_64 or aarch64 machine',
    waivable: false,
    ask: ({ said }) =>
      must(['x86_64', 'aarch64'].includes(said.one('arch') ?? ''), said.one('arch') ?? 'unknown'),
  },
  {
    id: 'host.same-architecture',
    title: 'All hosts have one architecture: they get the same program',
    fix: 'take the host of another architecture out of servers.tsv',
    waivable: false,
    ask: ({ said, others }) =>
      must(
        others.every((other) => other.said.one('arch') === said.one('arch')),
        said.one('arch') ?? 'unknown',
      ),
  },
  {
    id: 'host.program',
    title: 'The program of K3s is made for its processor',
    fix: '--set HOSTS_ARCH=arm64 for aarch64, --set HOSTS_ARCH=amd64 for x86_64: its files of K3s are fetched once those of the other processor are out of artifacts/',
    waivable: false,
    ask: ({ said, program }) =>
      must(said.one('arch') === program, `${said.one('arch') ?? 'unknown'}, the program is for ${program}`),
  },
  {
    id: 'host.system',
    title: 'The system is recent enough',
    fix: 'install Debian 12 or Ubuntu 24.04',
    waivable: true,
    onlyBare: true,
    ask: system,
  },
  {
    id: 'host.systemd',
    title: 'systemd runs the machine',
    fix: 'use a machine whose process 1 is systemd',
    waivable: false,
    ask: ({ said }) => must(said.one('init') === 'systemd', `process 1 is ${said.one('init')}`),
  },
  {
    id: 'host.systemd-version',
    title: 'systemd is recent enough',
    fix: 'upgrade the system',
    waivable: true,
    onlyBare: true,
    ask: ({ said }) => must(said.number('systemd') >= 245, `version ${said.one('systemd')}`),
  },
  {
    id: 'host.units',
    title: 'No unit of the host has failed',
    fix: 'systemctl --failed',
    waivable: true,
    ask: ({ said }) =>
      should(['running', 'starting'].includes(said.one('state') ?? ''), said.one('state') ?? 'unknown'),
  },
  {
    id: 'host.virtualization',
    title: 'The host has a kernel of its own',
    fix: 'use a virtual or real machine: in a container the kernel and its settings are shared',
    waivable: true,
    ask: ({ said }) =>
      should(
        !/lxc|openvz|docker|podman|systemd-nspawn/.test(said.one('virt') ?? ''),
        said.one('virt') ?? 'none',
      ),
  },
  {
    id: 'host.reboot',
    title: 'No restart of the host is due',
    fix: 'reboot it now, before it carries a cluster',
    waivable: true,
    ask: ({ said }) => should(said.one('reboot') === undefined, said.one('reboot') ?? 'none'),
  },
  {
    id: 'host.automatic-reboot',
    title: 'No upgrade restarts it by itself, at the hour of the others',
    fix: 'echo \'Unattended-Upgrade::Automatic-Reboot "false";\' >/etc/apt/apt.conf.d/99-no-reboot: masters that go at one time take the quorum with them',
    waivable: true,
    ask({ said }) {
      // As apt evaluates its files: the last value applies.
      const [set = 'off'] = said.all('Unattended-Upgrade::Automatic-Reboot').at(-1) ?? []
      return should(!/^"(true|1|yes)"/.test(set), shortened(set, 20))
    },
  },
  {
    id: 'host.packages',
    title: 'No package installation is running',
    fix: 'wait for apt or unattended-upgrades to end',
    waivable: true,
    onlyBare: true,
    ask: ({ said }) => must(said.one('dpkg') === undefined, said.one('dpkg') ?? 'none'),
  },
  {
    id: 'host.cpus',
    title: 'There are enough processors',
    fix: 'give a master at least 2, better 4; a worker at least 1, better 2',
    waivable: true,
    onlyBare: true,
    ask: (host) =>
      server(host)
        ? enough(host.said.number('cpus'), 2, 2, String)
        : enough(host.said.number('cpus'), 1, 2, String),
  },
  {
    id: 'host.memory',
    title: 'There is enough memory',
    fix: 'give a master at least 2 GiB, better 4; a worker at least 1, better 2',
    waivable: true,
    onlyBare: true,
    // MemTotal is a little less than the memory of the machine.
    ask: (host) =>
      server(host)
        ? enough(host.said.number('memtotal'), 1_800_000, 3_700_000, mib)
        : enough(host.said.number('memtotal'), 900_000, 1_800_000, mib),
  },
  {
    id: 'host.memory-free',
    title: 'Enough memory is free',
    fix: 'end what uses it: ps aux --sort -rss | head',
    waivable: true,
    onlyBare: true,
    ask: ({ said }) => enough(said.number('memavailable'), 500_000, 900_000, mib),
  },
  {
    id: 'host.swap',
    title: 'Swap is off',
    fix: 'swapoff -a, and take it out of /etc/fstab',
    waivable: true,
    ask: ({ said }) =>
      should(
        said.all('swap').length === 0,
        said
          .all('swap')
          .map(([device]) => device)
          .join(', ') || 'off',
      ),
  },
]
