import { shortened } from '../../../lib/base/sensitive.mts'
import { failed, passed, warning } from '../../../lib/checks/checks.mts'
import { mib, must, type HostCheck, type HostFacts } from './check.mts'

// The disks: free space, mount options, file system, and how fast a synchronous write is.

/** Free KiB of the file system of a path; NaN when unknown. */
const diskOf = ({ said }: HostFacts, path: string): number =>
  Number(said.all('disk').find(([at]) => at === path)?.[1] ?? Number.NaN)

/** Type and mount options of the file system of a path; empty when unknown. */
const mountOf = ({ said }: HostFacts, path: string): string =>
  said
    .all('mount')
    .find(([at]) => at === path)
    ?.slice(1)
    .join(' ') ?? ''

/** Folders that may be on separate disks; what is measured is the deepest part of their path that exists. */
type Place = 'data' | 'db' | 'kubelet' | `/${string}`
const ownFolders = {
  data: '/var/lib/rancher/k3s',
  db: '/var/lib/rancher/k3s/server/db',
  kubelet: '/var/lib/kubelet',
}

const isOwn = (place: Place): place is keyof typeof ownFolders => place in ownFolders
const pathOf = (place: Place, { said }: HostFacts): string => (isOwn(place) ? (said.one(place) ?? '') : place)
const nameOf = (place: Place): string => (isOwn(place) ? ownFolders[place] : place)

/** Only masters have a database. */
const concerns = (place: Place, { role }: HostFacts): boolean => place !== 'db' || role === 'master'

/**
 * A check of the file system of a folder.
 * @param never what its type and mount options must not match
 */
const mounted = (
  id: string,
  place: Place,
  title: string,
  never: RegExp,
  { fix, waivable = false }: { fix: string; waivable?: boolean },
): HostCheck => ({
  id,
  title,
  fix,
  waivable,
  ask(host) {
    if (!concerns(place, host)) return passed('not needed')
    const seen = mountOf(host, pathOf(place, host))
    return must(seen !== '' && !never.test(seen), seen === '' ? 'not found' : shortened(seen, 60))
  },
})

const readOnly = /(^| |,)ro(,|$)/

const space = (id: string, place: Place, title: string, gib: number, waivable = true): HostCheck => ({
  id,
  title,
  fix: `free space on the disk of ${nameOf(place)}, or enlarge it`,
  waivable,
  onlyBare: true,
  ask: (host) => {
    if (!concerns(place, host)) return passed('not needed')
    const seen = diskOf(host, pathOf(place, host))
    return must(seen >= gib * 1024 * 1024, `${mib(seen)} free, at least ${gib} GiB`)
  },
})

const inodes = (id: string, place: Place, title: string): HostCheck => ({
  id,
  title,
  fix: 'delete small files, or make the file system anew with more inodes',
  waivable: true,
  onlyBare: true,
  ask: (host) => {
    const at = pathOf(place, host)
    const seen = Number(host.said.all('inodes').find(([one]) => one === at)?.[1] ?? Number.NaN)
    // File systems that allocate inodes dynamically report 0 or `-`.
    return must(!(seen > 0) || seen >= 100_000, `${Number.isNaN(seen) ? 'not counted' : seen} free`)
  },
})

const remount = 'mount -o remount,rw; dmesg tells why it became read-only'
/** File systems that can hold neither etcd nor image layers; this cannot be waived. */
const notLocal = /^(nfs|cifs|fuse|9p|overlay|tmpfs)/

export const disks: readonly HostCheck[] = [
  space('host.disk-data', 'data', 'The disk of the cluster has room', 20),
  space('host.disk-db', 'db', 'The disk of the database has room', 5),
  space('host.disk-kubelet', 'kubelet', 'The disk of the kubelet has room', 2),
  space('host.disk-root', '/', 'The root disk has room', 2),
  space('host.disk-bin', '/usr/local/bin', 'The program has room', 1, false),
  inodes('host.inodes-data', 'data', 'The disk of the cluster has inodes'),
  inodes('host.inodes-root', '/', 'The root disk has inodes'),
  mounted('host.writable-data', 'data', 'The disk of the cluster may be written to', readOnly, {
    fix: remount,
  }),
  mounted('host.writable-db', 'db', 'The disk of the database may be written to', readOnly, { fix: remount }),
  mounted('host.writable-kubelet', 'kubelet', 'The disk of the kubelet may be written to', readOnly, {
    fix: remount,
  }),
  mounted('host.writable-etc', '/etc', '/etc may be written to', readOnly, { fix: 'mount -o remount,rw /' }),
  mounted('host.writable-bin', '/usr/local/bin', '/usr/local/bin may be written to', readOnly, {
    fix: 'mount -o remount,rw it',
  }),
  mounted('host.exec-data', 'data', 'Programs may run from the disk of the cluster', /noexec/, {
    fix: 'mount it without noexec: K3s unpacks its programs there',
  }),
  mounted('host.exec-bin', '/usr/local/bin', 'Programs may run from /usr/local/bin', /noexec/, {
    fix: 'mount it without noexec',
  }),
  mounted('host.filesystem', 'data', 'The disk of the cluster is a local one', notLocal, {
    fix: 'put /var/lib/rancher/k3s on ext4 or xfs',
  }),
  mounted('host.filesystem-db', 'db', 'The disk of the database is a local one', notLocal, {
    fix: 'put /var/lib/rancher/k3s/server/db on ext4 or xfs',
  }),
  mounted('host.zfs', 'data', 'The disk of the cluster carries overlays', /^zfs/, {
    fix: 'put /var/lib/rancher/k3s on ext4 or xfs; OpenZFS 2.2 and newer (zfs version) carry them: waive it there',
    waivable: true,
  }),
  {
    id: 'host.fsync',
    title: 'The disk answers fast enough for etcd',
    fix: 'use an SSD or NVMe disk for /var/lib/rancher/k3s/server/db; etcd wants 10 ms',
    waivable: true,
    ask(host) {
      const micros = host.said.number('fsync')
      const shown = Number.isNaN(micros)
        ? 'not measured'
        : `${(micros / 1000).toFixed(1)} ms, mean of 100 synchronous writes`
      if (host.role !== 'master') return passed(shown)
      if (micros <= 10_000) return passed(shown)
      // A node that already runs K3s writes to the disk at the same time.
      return micros <= 50_000 || host.said.has('ours') ? warning(shown) : failed(shown)
    },
  },
]
