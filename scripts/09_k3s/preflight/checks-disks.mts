import { shortened } from '../../../lib/base/sensitive.mts'
import { failed, passed, warning } from '../../../lib/checks/checks.mts'
import { mib, must, type HostCheck, type HostFacts } from './check.mts'

// The disks: room, rights, kind, and how fast they keep what they are given.

const diskOf = ({ said }: HostFacts, path: string): number =>
  Number(said.all('disk').find(([at]) => at === path)?.[1] ?? Number.NaN)

const mountOf = ({ said }: HostFacts, path: string): string =>
  said
    .all('mount')
    .find(([at]) => at === path)
    ?.slice(1)
    .join(' ') ?? ''

const data = ({ said }: HostFacts): string => said.one('data') ?? ''

/** A check that a folder’s file system may be written to, or may run programs. */
const mounted = (id: string, path: string, title: string, never: RegExp, fix: string): HostCheck => ({
  id,
  title,
  fix,
  waivable: false,
  ask(host) {
    const seen = mountOf(host, path === '' ? data(host) : path)
    return must(seen !== '' && !never.test(seen), seen === '' ? 'not found' : shortened(seen, 60))
  },
})

const space = (id: string, path: string, title: string, gib: number, waivable: boolean): HostCheck => ({
  id,
  title,
  fix: `free space on the disk of ${path === '' ? '/var/lib/rancher' : path}, or enlarge it`,
  waivable,
  ask: (host) => {
    const seen = diskOf(host, path === '' ? data(host) : path)
    return must(seen >= gib * 1024 * 1024, `${mib(seen)} free, at least ${gib} GiB`)
  },
})

const inodes = (id: string, path: string, title: string): HostCheck => ({
  id,
  title,
  fix: 'delete small files, or make the file system anew with more inodes',
  waivable: true,
  ask: (host) => {
    const at = path === '' ? data(host) : path
    const seen = Number(host.said.all('inodes').find(([one]) => one === at)?.[1] ?? Number.NaN)
    // File systems that make inodes as they need them say 0 or -.
    return must(!(seen > 0) || seen >= 100_000, `${Number.isNaN(seen) ? 'not counted' : seen} free`)
  },
})

export const disks: readonly HostCheck[] = [
  space('host.disk-data', '', 'The disk of the cluster has room', 20, true),
  space('host.disk-root', '/', 'The root disk has room', 2, true),
  space('host.disk-tmp', '/tmp', 'There is room in /tmp', 1, true),
  space('host.disk-bin', '/usr/local/bin', 'The program has room', 1, false),
  inodes('host.inodes-data', '', 'The disk of the cluster has inodes'),
  inodes('host.inodes-root', '/', 'The root disk has inodes'),
  mounted(
    'host.writable-data',
    '',
    'The disk of the cluster may be written to',
    /(^| |,)ro(,|$)/,
    'mount -o remount,rw; dmesg tells why it became read-only',
  ),
  mounted('host.writable-etc', '/etc', '/etc may be written to', /(^| |,)ro(,|$)/, 'mount -o remount,rw /'),
  mounted(
    'host.writable-bin',
    '/usr/local/bin',
    '/usr/local/bin may be written to',
    /(^| |,)ro(,|$)/,
    'mount -o remount,rw it',
  ),
  mounted(
    'host.exec-data',
    '',
    'Programs may run from the disk of the cluster',
    /noexec/,
    'mount it without noexec: K3s unpacks its programs there',
  ),
  mounted(
    'host.exec-bin',
    '/usr/local/bin',
    'Programs may run from /usr/local/bin',
    /noexec/,
    'mount it without noexec',
  ),
  mounted(
    'host.filesystem',
    '',
    'The disk of the cluster is a local one',
    /^(nfs|cifs|fuse|9p|overlay|tmpfs|zfs)/,
    'put /var/lib/rancher on ext4 or xfs',
  ),
  {
    id: 'host.fsync',
    title: 'The disk answers fast enough for etcd',
    fix: 'use an SSD or NVMe disk for /var/lib/rancher; etcd wants 10 ms',
    waivable: true,
    ask(host) {
      const micros = host.said.number('fsync')
      const shown = Number.isNaN(micros)
        ? 'not measured'
        : `${(micros / 1000).toFixed(1)} ms, mean of 100 synchronous writes`
      if (host.role !== 'master') return passed(shown)
      if (micros <= 10_000) return passed(shown)
      // A node at work writes for itself at the same time.
      return micros <= 50_000 || host.said.has('ours') ? warning(shown) : failed(shown)
    },
  },
]
