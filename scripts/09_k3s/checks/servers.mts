import { exitCodes } from '../../../lib/base/errors.mts'
import { failed, passed, warning, type Check } from '../../../lib/checks/checks.mts'
import { quorumLost } from '../../../lib/hosts/quorum-lost.mts'
import { isServer } from '../../../lib/kube/cluster-view.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { orUndefined } from './exits.mts'
import { nodesOf, type Tools } from './nodes.mts'
import { isKitMade } from '../probes/cluster-facts.mts'
import type { K3sSettings } from '../settings.mts'

// The state of etcd, read without SSH.

/** The Nodes of the control plane. @throws as nodesOf */
export const serversOf = async (tools: Tools): Promise<LiveObject[]> =>
  (await nodesOf(tools)).filter(isServer)

/**
 * Reads the metrics of the etcd member on one server; `told` is false when they cannot be had.
 * @throws KitError exit 3, 5, 6, 7, 130 or 143, see Kube.raw: without the API nothing is known of etcd
 */
async function memberOf({ kube }: Tools, { metadata: { name } }: LiveObject) {
  const asked = kube.raw(`/api/v1/nodes/http:${name}:2381/proxy/metrics`)
  const text = await orUndefined(asked, exitCodes.rolloutFailed, exitCodes.denied)
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
  fix: `journalctl -u k3s on the server named, then module 9 again. More members than servers: scripts/09_k3s/README.md, "Members of etcd". No leader: systemctl start k3s on every master. ${quorumLost}`,
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
