import type { Host } from '../../../lib/hosts/host.mts'
import type { HostState } from './host-state.mts'
import { membersOf } from './member-list.mts'
import { isMemberOf } from './members.mts'
import { paths } from '../host/paths.mts'

/**
 * The servers, with what the running ones say of those that do not run: one that etcd lists no more was put out of the
 * cluster while it was away, as by a deletion of its Node. Its log is of no use to the cluster; it joins anew.
 * @param servers with a connection, by the names of the states
 */
export async function withMembership(
  states: readonly HostState[],
  servers: readonly Host[],
): Promise<readonly HostState[]> {
  const away = states.filter(({ data, active }) => data && !active)
  const running = states.filter(({ data, active }) => data && active).map(({ name }) => name)
  if (away.length === 0) return states
  const lists = await Promise.all(servers.filter(({ name }) => running.includes(name)).map(membersOf))
  const members = lists.flatMap((list) => list ?? [])
  if (members.length === 0) return states
  const isOut = (one: HostState) => away.includes(one) && !members.some((member) => isMemberOf(member, one))
  return states.map((one) =>
    isOut(one) ? { ...one, data: false, joins: undefined, starting: false, putOut: true } : one,
  )
}

/**
 * Marks the database of a server that was put out while it was away as K3s marks its own: with a tombstone, on which its
 * next start moves the database to etcd-backup-TIME and joins anew (K3s pkg/etcd/etcd.go). Without it such a start may
 * learn nothing: the members reject its streams, and it waits for a leader for ever (seen on v1.36.3).
 */
export const markPutOut = (host: Host): Promise<void> =>
  host.change('mark the database as put out of the cluster', ['touch', paths.tombstone])
