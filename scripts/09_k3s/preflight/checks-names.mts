import type { Answer } from '../../../lib/checks/checks.mts'
import { installing, must, should, type HostCheck, type HostFacts } from './check.mts'

// Identity and clock of a host, and that no other host has the same identity.

/** Passes when no other host printed the same value of this key. */
const unique = (key: string, { said, others }: HostFacts): Answer => {
  const mine = said.all(key).map((words) => words.join(' '))
  const twins = others.filter((other) => other.said.all(key).some((words) => mine.includes(words.join(' '))))
  return must(
    twins.length === 0,
    twins.length === 0
      ? `${mine.length} of its own`
      : `the same as ${twins.map(({ name }) => name).join(', ')}`,
  )
}

/** Most milliseconds from the median of all clocks: etcd, certificates and logins tolerate that. */
const mostSkew = 500

export const names: readonly HostCheck[] = [
  {
    id: 'host.name',
    title: 'The host is called as servers.tsv says',
    fix: 'hostnamectl set-hostname with the name of servers.tsv, or correct HOSTNAME there',
    waivable: false,
    ask: ({ said, name }) =>
      must(said.one('hostname')?.split('.')[0] === name, `it says ${said.one('hostname')}`),
  },
  {
    id: 'host.name-unique',
    title: 'No other host has its name',
    fix: 'hostnamectl set-hostname with the name of servers.tsv',
    waivable: false,
    ask: (host) => unique('hostname', host),
  },
  {
    id: 'host.name-resolves',
    title: 'Its own name leads to itself',
    fix: 'one line in /etc/hosts: its private address and its name',
    waivable: true,
    ask: ({ said, address }) => {
      const seen = said.all('hosts').map(([one = '']) => one)
      return should(
        seen.length > 0 && seen.every((one) => one === address || one.startsWith('127.') || one === '::1'),
        seen.join(', ') || 'not in /etc/hosts',
      )
    },
  },
  {
    id: 'host.machine-id',
    title: 'It has a machine id',
    fix: 'systemd-machine-id-setup',
    waivable: false,
    ask: ({ said }) =>
      must(
        /^[0-9a-f]{32}$/.test(said.one('machineid') ?? ''),
        said.one('machineid') === undefined ? 'none' : 'there',
      ),
  },
  {
    id: 'host.machine-id-unique',
    title: 'No other host has its machine id',
    fix: 'a cloned machine: rm /etc/machine-id && systemd-machine-id-setup, then reboot',
    waivable: false,
    ask: (host) => unique('machineid', host),
  },
  {
    id: 'host.product-unique',
    title: 'No other host is the same hardware',
    fix: 'containers of one machine, or a clone that kept its identity: use machines of their own',
    waivable: true,
    ask: (host) => {
      const answer = unique('product', host)
      return should(answer.result === 'passed', answer.evidence)
    },
  },
  {
    id: 'host.ssh-key-unique',
    title: 'No other host shows its SSH host key',
    fix: 'a cloned machine: rm /etc/ssh/ssh_host_*, ssh-keygen -A, then correct known_hosts',
    waivable: false,
    ask: (host) => unique('hostkey', host),
  },
  {
    id: 'host.clock',
    title: 'Its clock agrees with the others',
    fix: `${installing('systemd-timesyncd', 'chrony')}; then timedatectl set-ntp true`,
    waivable: false,
    ask: ({ clockOffset }) =>
      must(Math.abs(clockOffset) <= mostSkew, `${Math.round(clockOffset)} ms from the middle of all`),
  },
  {
    id: 'host.time-service',
    title: 'A time service keeps its clock',
    fix: `${installing('systemd-timesyncd', 'chrony')}; then timedatectl set-ntp true`,
    waivable: true,
    ask: ({ said }) => should(said.one('ntp') === 'yes', `synchronized: ${said.one('ntp') ?? 'unknown'}`),
  },
]
