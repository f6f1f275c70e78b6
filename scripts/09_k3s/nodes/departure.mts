import type { Condition } from '../../../lib/base/poll.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import { nodeOfMember } from '../host/joined.mts'
import { kubectlWords } from './kubectl.mts'
import { membersPart } from './member-list.mts'
import { isMemberOf, membersIn, type Member } from './members.mts'

// What the cluster still has of a machine that leaves: its Node, and a server's member of etcd. K3s removes the member
// when the Node is deleted, and finds it only by two annotations of the Node (K3s pkg/etcd/etcd.go).

/** A machine that leaves the cluster: its name and private address. */
export type Leaving = Pick<Host, 'name' | 'address'>

/** The annotations in which K3s writes name and address of its etcd member to the Node of a server. */
export const memberAnnotations = {
  name: 'etcd.k3s.cattle.io/node-name',
  address: 'etcd.k3s.cattle.io/node-address',
} as const

/** What the cluster still has of a machine that leaves. */
export interface Departure {
  /** `ending`: deleted, but kept by finalizers; undefined when the API did not answer. */
  readonly node: 'gone' | 'there' | 'ending' | undefined
  /** Uid of the Node that exists, else empty. Another uid means that the machine has joined again. */
  readonly uid: string
  /** It is a server's Node without these annotations: K3s finds no member to remove, and never lets the Node go. */
  readonly nameless: boolean
  /** The etcd members of this machine; undefined when etcd gave no list. */
  readonly members: readonly Member[] | undefined
}

const field = (...names: readonly string[]): string =>
  `{.metadata.${names.map((one) => one.replaceAll('.', '\\.')).join('.')}}`

const fields = [
  field('name'),
  field('uid'),
  field('deletionTimestamp'),
  field('labels', 'node-role.kubernetes.io/etcd'),
  field('annotations', memberAnnotations.name),
  field('annotations', memberAnnotations.address),
].join('|')

const script = `node=$(${kubectlWords('--request-timeout=5s', 'get', 'node').join(' ')} "$1" --ignore-not-found -o 'jsonpath=${fields}') && echo "node=$node"
${membersPart}`

/**
 * Reads what the cluster still has of a machine, in one round trip.
 * @param server a healthy one
 * @throws KitError exit 3, 6, 9, 130 or 143, see Host.read
 */
export async function departureOf(server: Host, leaving: Leaving): Promise<Departure> {
  const shown = 'ask for a Node and its member of etcd'
  const { stdout } = await readScript(server, script, [leaving.name], { timeoutSeconds: 40, shown })
  return departureIn(stdout, leaving)
}

/** As departureOf, from the output of the script. Pure. */
export function departureIn(said: string, leaving: Leaving): Departure {
  const line = /^node=(.*)$/m.exec(said)?.[1]
  const [, uid = '', ending = '', isServer = '', ...annotations] = (line ?? '').split('|')
  const members = membersIn(said)?.filter((one) => isMemberOf(one, leaving))
  return {
    node: line === undefined ? undefined : line === '' ? 'gone' : ending === '' ? 'there' : 'ending',
    uid,
    nameless: isServer === 'true' && (annotations.length < 2 || annotations.includes('')),
    members,
  }
}

/** Of the members of this machine, the one whose name K3s made from its Node’s; undefined without one. Pure. */
export const ownMember = ({ members = [] }: Departure, { name }: Leaving): Member | undefined =>
  members.find((one) => one.name !== '' && nodeOfMember(one.name) === name)

/** Seconds a wait lasts: when this server led K3s' controllers, another one takes them over first, in some 50 s. */
const timeoutSeconds = 180

/**
 * The condition that a machine's Node is gone. K3s removes its etcd member first, where the Node has its annotations.
 * @param uid of that Node: an agent that still tries to join may create another one within moments
 */
export const nodeGone = (server: Host, leaving: Leaving, uid: string): Condition => ({
  what: `the cluster without ${leaving.name}’s Node`,
  seconds: timeoutSeconds,
  async missing() {
    const { node, uid: now } = await departureOf(server, leaving)
    if (node === 'gone' || (node !== undefined && uid !== '' && now !== uid)) return ''
    return node === undefined
      ? `${server.name} does not say`
      : 'its member of etcd goes first, which takes up to a minute where it led the controllers of K3s'
  },
  hint: `on ${server.name}: kubectl get node ${leaving.name} -o jsonpath={.metadata.finalizers} tells what holds it, and journalctl -u k3s on the masters why; then run the same command again`,
})

/** The condition that etcd no longer lists the machine. */
export const memberForgotten = (server: Host, leaving: Leaving): Condition => ({
  what: `etcd without ${leaving.name}’s member`,
  seconds: timeoutSeconds,
  async missing() {
    const { members } = await departureOf(server, leaving)
    if (members === undefined) return `${server.name} does not say`
    return members.length === 0 ? '' : 'it is still a member'
  },
  hint: 'journalctl -u k3s on the masters; then run the same command again',
})
