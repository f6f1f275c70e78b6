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
import { askKubectl, kubectlWords } from './kubectl.mts'
import { removeMember } from './member-list.mts'

/**
 * Removes from the cluster the Node of a machine that was reinstalled, or leaves: its node password is lost, and K3s
 * refuses another one for the same name. K3s removes a server's etcd member with its Node; a member that stays is
 * removed here, for no server can join again under its name ("duplicate node name found").
 *
 * Deletes its pods too: Kubernetes does so only when the Node has been missing for 40 s (PodGC). On a machine that is
 * back earlier they would start again on volumes whose folders were lost with the old disk, and never become ready.
 * @param server a healthy one
 * @param leaving when it is a server, its K3s must not run, or never be started again: else it would join before its
 *   Node is gone, and lose its new member with the old Node
 * @throws KitError exit 9 when Node or member still exist after 180 s, or a command fails; exit 6 when the server does not
 *   tell what is left; exit 3, 6, 9, 130 or 143, see Host.read; what the gate throws (Writes.make)
 */
export async function forgetNode(server: Host, leaving: Leaving, until: Until): Promise<void> {
  const { name } = leaving
  const before = await departureOf(server, leaving)
  if (before.node !== 'gone') await deleteNode(server, leaving, before, until)
  const after = before.node === 'gone' ? before : await settled(server, leaving)
  // K3s does not remove a member whose Node is gone. Under --plan the Node still exists.
  const left = after.node === 'gone' ? (after.members ?? []) : []
  for (const member of left) await removeMember(server, member)
  if (left.length > 0) await until(memberForgotten(server, leaving))
  const secret = ['secret', `${name}.node-password.k3s`, '--namespace', 'kube-system']
  const pods = ['pods', '--all-namespaces', '--field-selector', `spec.nodeName=${name}`]
  await deleteThere(server, `secret ${name}.node-password.k3s`, [...secret, '--ignore-not-found'])
  // Forced: the kubelet that would confirm the end of their processes is gone.
  await deleteThere(server, `the pods of ${name}`, pods, ['--grace-period=0', '--force', '--wait=false'])
}

/** Deletes the Node and waits until it is gone. @throws as forgetNode */
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
  // Under --plan it was not deleted, so no finalizer keeps it.
  const held = nameless ? await departureOf(server, leaving) : undefined
  if (held?.nameless === true && held.node === 'ending') await release(server, leaving, held)
  await until(nodeGone(server, leaving, uid))
}

/**
 * Lets a deleted Node without annotations go, which K3s would keep for ever ("node name annotation for node NAME not
 * found, requeuing"). Writes the annotations from the list of members, and K3s does the rest; when no member has its
 * name, removes the machine's members and the finalizers of the Node.
 */
async function release(server: Host, leaving: Leaving, held: Departure): Promise<void> {
  const { name } = leaving
  const own = ownMember(held, leaving)
  if (own !== undefined) {
    const told = [`${memberAnnotations.name}=${own.name}`, `${memberAnnotations.address}=${own.address}`]
    const words = kubectlWords('annotate', 'node', name, '--overwrite', ...told)
    return server.change(`tell the Node of ${name} its member of etcd`, words)
  }
  // Without a list it is not known whether a member would stay.
  if (held.members === undefined) return
  for (const member of held.members) await removeMember(server, member)
  const words = kubectlWords('patch', 'node', name, '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
  await server.change(`let the Node of ${name} go`, words)
}

/** Reads what is left once the Node is gone; the member may be removed a few seconds later. */
const settled = (server: Host, leaving: Leaving): Promise<Departure> =>
  pollUntil(() => departureOf(server, leaving), {
    until: ({ node, members = [] }) => node !== 'gone' || members.length === 0,
    milliseconds: 5000,
    every: 1000,
  })

/** Deletes the objects that `kubectl get` finds with these words; nothing when it finds none. @throws as forgetNode */
async function deleteThere(
  server: Host,
  what: string,
  words: readonly string[],
  how: readonly string[] = [],
): Promise<void> {
  if ((await askKubectl(server, what, ['get', ...words, '-o', 'name'])) === '') return
  await server.change(`delete ${what}`, kubectlWords('delete', ...words, ...how), { timeoutSeconds: 120 })
}
