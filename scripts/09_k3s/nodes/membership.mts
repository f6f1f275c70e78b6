import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { shortened } from '../../../lib/base/sensitive.mts'
import { visible } from '../../../lib/base/visible.mts'
import { written } from '../../../lib/base/written.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { quorumLostSection } from '../../../lib/hosts/quorum-lost.mts'
import { ownMemberName } from '../host/joined.mts'
import { paths } from '../host/paths.mts'
import type { HostState } from './host-state.mts'
import { membersOf } from './member-list.mts'
import { isMemberOf, memberOfOtherHistory, type Member } from './members.mts'

/**
 * Adds to the states what the running servers know of those that do not run: one that etcd no longer lists was removed
 * from the cluster meanwhile, for example because its Node was deleted. Its etcd data can no longer be used; it must
 * join again.
 * @param servers the hosts of `states`, by name
 * @returns the states, with `putOut` for such a server; unchanged when no running server gives a list of members
 * @throws KitError exit 5 for one whose database has another history than the servers that run; exit 3, 6, 9, 130 or
 *   143, see Host.read
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
  requireSameHistory(away, members)
  const isOut = (one: HostState) => away.includes(one) && !members.some((member) => isMemberOf(member, one))
  return states.map((one) =>
    isOut(one) ? { ...one, data: false, joins: undefined, starting: false, putOut: true } : one,
  )
}

/**
 * Requires that no server that is off has another history than those that run. K3s itself would start it: it takes up
 * the name and address of a member of theirs, they are put out of its cluster, and what was written on them since is
 * lost (seen on v1.36.3).
 * @param members of the servers that run
 * @throws KitError exit 5 for the first such server
 */
function requireSameHistory(away: readonly HostState[], members: readonly Member[]): void {
  for (const { name, address, joined } of away) {
    const own = ownMemberName(joined)
    const listed = memberOfOtherHistory(members, { name, address }, own)
    if (listed === undefined) continue
    const shown = (text = '') => visible(shortened(text, 80))
    throw new KitError(`${name} holds another history of the cluster than the servers that run`, {
      exitCode: exitCodes.conflict,
      details: [
        `The running servers list it as ${shown(listed.name)}, its own database as ${shown(own)}: it was reset or restored while they were away.`,
        `Started, it would put them out, and what was written on them since would be lost. ${written()}`,
      ],
      hint: `to keep what runs, on ${name}: systemctl disable --now k3s; mv ${paths.server}/db ${paths.server}/db.away; then run the same command again: it joins anew. To keep what ${name} holds: ${quorumLostSection}`,
    })
  }
}

/**
 * Writes a tombstone to a server that was removed from etcd while it did not run, as K3s itself does: at its next start
 * K3s moves the old data to etcd-backup-TIME and joins again (K3s pkg/etcd/etcd.go). Without it K3s may not notice the
 * removal: the members reject its streams, and it waits for a leader for ever (seen on v1.36.3).
 * @throws KitError exit 9 when that fails; exit 3, 6, 9, 130 or 143, see Host.read; what the gate throws (Writes.make)
 */
export const markPutOut = (host: Host): Promise<void> =>
  host.change('mark the database as put out of the cluster', ['touch', paths.tombstone])
