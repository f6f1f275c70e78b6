import { pollUntil, type Until } from '../../../lib/base/poll.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import {
  departureOf,
  memberAnnotations,
  memberForgotten,
  nodeGone,
  ownMember,
  type Departure,
  type Leaving,
} from './departure.mts'
import { kubectlWords } from './kubectl.mts'
import { removeMember } from './member-list.mts'

/**
 * Takes the Node of a machine that was installed anew, or leaves, out of the cluster: the password it had registered
 * with is gone with it, and K3s refuses another one under the same name. A server's etcd member goes with its Node; one
 * that K3s does not take out is taken out here, for under its name no server joins anew ("duplicate node name found").
 *
 * Its pods go as well: Kubernetes removes them only where their Node stays away for 40 s (PodGC). On a machine that is
 * back before, they would begin again on volumes whose folders went with the old disk, and never get well.
 * @param server one that is healthy
 * @param leaving of a server: its K3s does not run, or is never to start again; else it would come back by itself
 *   before its Node is gone, and lose its new member with the old Node
 * @throws KitError exit 9 when Node or member stay
 */
export async function forgetNode(server: Host, leaving: Leaving, until: Until): Promise<void> {
  const { name } = leaving
  const before = await departureOf(server, leaving)
  if (before.node !== 'gone') await deleteNode(server, leaving, before, until)
  const after = before.node === 'gone' ? before : await settled(server, leaving)
  // Nobody would take out a member whose Node is gone. Under --plan the Node is still there.
  const left = after.node === 'gone' ? (after.members ?? []) : []
  for (const member of left) await removeMember(server, member)
  if (left.length > 0) await until(memberForgotten(server, leaving))
  const secret = ['secret', `${name}.node-password.k3s`, '--namespace', 'kube-system']
  const pods = ['pods', '--all-namespaces', '--field-selector', `spec.nodeName=${name}`]
  await deleteThere(server, `secret ${name}.node-password.k3s`, [...secret, '--ignore-not-found'])
  // Nobody is left who could say that their processes have ended.
  await deleteThere(server, `the pods of ${name}`, pods, ['--grace-period=0', '--force', '--wait=false'])
}

async function deleteNode(
  server: Host,
  leaving: Leaving,
  { node, nameless, uid }: Departure,
  until: Until,
): Promise<void> {
  if (node !== 'ending') {
    const words = kubectlWords('delete', 'node', leaving.name, '--ignore-not-found', '--wait=false')
    await server.change(`delete node ${leaving.name}`, words)
  }
  // Under --plan it is not deleted, and nothing holds it.
  const held = nameless ? await departureOf(server, leaving) : undefined
  if (held?.nameless === true && held.node === 'ending') await release(server, leaving, held)
  await until(nodeGone(server, leaving, uid))
}

/**
 * A Node that does not tell K3s which member is its own is never let go ("node name annotation for node NAME not found,
 * requeuing"). It is told from the list of members, and K3s does the rest; where that has none of its name, the member
 * and what holds the Node are taken away here.
 */
async function release(server: Host, leaving: Leaving, held: Departure): Promise<void> {
  const { name } = leaving
  const own = ownMember(held, leaving)
  if (own !== undefined) {
    const told = [`${memberAnnotations.name}=${own.name}`, `${memberAnnotations.address}=${own.address}`]
    const words = kubectlWords('annotate', 'node', name, '--overwrite', ...told)
    return server.change(`tell the Node of ${name} its member of etcd`, words)
  }
  // Without a list nobody knows whether a member would be left behind.
  if (held.members === undefined) return
  for (const member of held.members) await removeMember(server, member)
  const words = kubectlWords('patch', 'node', name, '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
  await server.change(`let the Node of ${name} go`, words)
}

/** How it stands once its Node is gone: its member may be some moments behind. */
const settled = (server: Host, leaving: Leaving): Promise<Departure> =>
  pollUntil(() => departureOf(server, leaving), {
    until: ({ node, members = [] }) => node !== 'gone' || members.length === 0,
    milliseconds: 5000,
    every: 1000,
  })

/** Deletes what these words name, where anything of it is there. */
async function deleteThere(
  server: Host,
  what: string,
  words: readonly string[],
  how: readonly string[] = [],
): Promise<void> {
  const { stdout } = await server.read(kubectlWords('get', ...words, '-o', 'name'))
  if (stdout.trim() === '') return
  await server.change(`delete ${what}`, kubectlWords('delete', ...words, ...how), { timeoutSeconds: 120 })
}
