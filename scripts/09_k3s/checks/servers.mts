import { failed, passed, warning, type Check } from '../../../lib/checks/checks.mts'
import { isServer } from '../../../lib/kube/cluster-view.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { daysUntil } from '../../../lib/base/certificate.mts'
import { nodesOf, type Tools } from './nodes.mts'
import { isKitMade } from '../probes/cluster-facts.mts'
import type { K3sSettings } from '../settings.mts'
import { addressOf } from '../probes/network.mts'

// What keeps the cluster alive, seen without SSH: its database, its snapshots, its certificates.

const serversOf = async (tools: Tools): Promise<LiveObject[]> => (await nodesOf(tools)).filter(isServer)

/** What one member of etcd says of itself; undefined where it shows no metrics. */
async function memberOf({ kube }: Tools, { metadata: { name } }: LiveObject) {
  const text = await kube.raw(`/api/v1/nodes/http:${name}:2381/proxy/metrics`).catch(() => undefined)
  if (text === undefined) return { name, told: false, missing: '' }
  const value = (metric: string) => new RegExp(`^${metric} (\\d+)`, 'm').exec(text)?.[1]
  const known = [...text.matchAll(/^etcd_network_known_peers\{.*\} 1$/gm)].length
  const missing =
    value('etcd_server_has_leader') !== '1'
      ? 'has no leader'
      : value('etcd_server_is_learner') !== '0'
        ? 'has no vote yet'
        : ''
  return { name, told: true, missing, members: known }
}

export const members: Check<K3sSettings> = {
  id: 'k3s.etcd',
  title: 'Every server votes in etcd, and no other member does',
  fix: 'journalctl -u k3s on the server named; a member whose machine is gone for good: kubectl delete node with its name takes it out',
  async ask(tools) {
    const servers = await serversOf(tools)
    const all = await Promise.all(servers.map((server) => memberOf(tools, server)))
    const silent = all.filter(({ told }) => !told).map(({ name }) => name)
    if (silent.length > 0) {
      const what = `no metrics of etcd on port 2381 of ${silent.join(', ')}`
      return (await isKitMade(tools)) ? failed(what) : warning(`not proven: ${what}`)
    }
    const lacking = all
      .filter(({ missing }) => missing !== '')
      .map(({ name, missing }) => `${name} ${missing}`)
    if (lacking.length > 0) return failed(lacking.join(', '))
    const counts = new Set(all.map(({ members = 0 }) => members))
    const right = counts.size === 1 && counts.has(servers.length)
    const seen = `${[...counts].join(' or ')} members, ${servers.length} servers`
    return right ? passed(`${seen}, each with a leader and a vote`) : failed(seen)
  },
}

/** Hours after which the newest snapshot is too old: K3s makes one every six. */
const snapshotHours = 13

export const snapshots: Check<K3sSettings> = {
  id: 'k3s.snapshots',
  title: 'There is a recent snapshot of etcd',
  fix: 'k3s etcd-snapshot save on a master; journalctl -u k3s tells why the scheduled ones are not made',
  async ask({ kube, ...tools }) {
    const path = '/apis/k3s.cattle.io/v1/etcdsnapshotfiles'
    const text = await kube.raw(path).catch(() => undefined)
    if (text === undefined) return warning('not proven: the cluster keeps no list of its snapshots')
    const { items } = JSON.parse(text) as { items: LiveObject[] }
    const times = items.map(({ status }) =>
      Date.parse((status as { creationTime?: string } | undefined)?.creationTime ?? ''),
    )
    const newest = Math.max(...times.filter((time) => !Number.isNaN(time)))
    if (newest === -Infinity) return failedUnlessYoung({ ...tools, kube })
    const hours = Math.floor((Date.now() - newest) / 3_600_000)
    const seen = `${times.length} snapshots, the newest ${hours} h old`
    return hours < snapshotHours ? passed(seen) : failed(seen)
  },
}

/** A cluster of today has no snapshot yet: the first is made at the next sixth hour. */
async function failedUnlessYoung(tools: Tools) {
  const born = Date.parse(
    (await tools.kube.get('namespaces', 'kube-system'))?.metadata.creationTimestamp ?? '',
  )
  return Date.now() - born < snapshotHours * 3_600_000
    ? warning('none yet: the cluster is younger than its first scheduled one')
    : failed('none')
}

/** Days before its end from which a certificate is told about, and from which it is a failure. */
const [soon, tooLate] = [30, 7]

export const certificates: Check<K3sSettings> = {
  id: 'k3s.certificates',
  title: 'The certificates of the servers are good for a month at least',
  fix: 'K3s renews what ends within 120 days when it starts: systemctl restart k3s, one server after another',
  async ask(tools) {
    const servers = await serversOf(tools)
    const ends = await Promise.all(
      servers.map(async (server) => {
        const end = await tools.http.certificateEnd(`${addressOf(server)}:6443`).catch(() => undefined)
        return {
          name: server.metadata.name,
          days: end && daysUntil(end),
        }
      }),
    )
    const known = ends.flatMap(({ name, days }) => (days === undefined ? [] : [{ name, days }]))
    const seen = known.map(({ name, days }) => `${name} ${days} days`).join(', ')
    if (known.some(({ days }) => days < tooLate)) return failed(seen)
    const silent = ends.filter(({ days }) => days === undefined).map(({ name }) => name)
    if (silent.length > 0)
      return warning([seen, `not reached on port 6443: ${silent.join(', ')}`].filter(Boolean).join('; '))
    return known.some(({ days }) => days < soon) ? warning(seen) : passed(seen)
  },
}
