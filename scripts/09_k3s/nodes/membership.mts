import type { Host } from '../../../lib/hosts/host.mts'
import type { HostState } from './host-state.mts'
import { membersOf } from './member-list.mts'
import { isMemberOf } from './members.mts'

/**
 * The servers, with what the running ones say of those that do not run: one that etcd lists no more was put out of the
 * cluster while it was away, as by a deletion of its Node. Its log is of no use to the cluster; it joins anew. K3s finds
 * that out in two starts: the first writes a tombstone, and the second moves the old database away.
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
  return states.map((one) => (isOut(one) ? { ...one, data: false, joins: undefined, starting: false } : one))
}
