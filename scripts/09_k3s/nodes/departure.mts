import type { Condition } from '../../../lib/base/poll.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import { nodeOfMember } from '../host/joined.mts'
import { kubectlWords } from './kubectl.mts'
import { membersPart } from './member-list.mts'
import { isMemberOf, membersIn, type Member } from './members.mts'

// How far a machine is out of its cluster: its Node, and of a server its member of etcd. K3s takes a server's member out
// as its Node is deleted, and knows it by two annotations of that Node alone (K3s pkg/etcd/etcd.go).

/** A machine that is forgotten: its name and private address. */
export type Leaving = Pick<Host, 'name' | 'address'>

/** What K3s writes to the Node of a server: under which name, and where, etcd has it. */
export const memberAnnotations = {
  name: 'etcd.k3s.cattle.io/node-name',
  address: 'etcd.k3s.cattle.io/node-address',
} as const

export interface Departure {
  /** `ending`: it is deleted, and finalizers hold it; undefined where the server did not say. */
  readonly node: 'gone' | 'there' | 'ending' | undefined
  /** Of the Node that is there: another one is a machine that has come back. */
  readonly uid: string
  /** It is a server's and says of no member: K3s cannot take one out by it, and holds it for ever. */
  readonly nameless: boolean
  /** The members of etcd that are this machine's; undefined where etcd gives no list. */
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

/** How far a machine is out of the cluster, in one round trip. @param server one that is healthy */
export async function departureOf(server: Host, leaving: Leaving): Promise<Departure> {
  const shown = 'ask for a Node and its member of etcd'
  const { stdout } = await readScript(server, script, [leaving.name], { timeoutSeconds: 40, shown })
  return departureIn(stdout, leaving)
}

/** The same, of what a server said. Pure. */
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

/** The member that K3s itself could have made for this machine, of those that are its. */
export const ownMember = ({ members = [] }: Departure, { name }: Leaving): Member | undefined =>
  members.find((one) => one.name !== '' && nodeOfMember(one.name) === name)

/** Seconds until a Node is given up: K3s' controllers move to another server first when this one led them, in some 50 s. */
const timeoutSeconds = 180

/**
 * The Node of a machine is gone, and with it its member; K3s does both where the Node has its annotations.
 * @param uid of that Node: an agent that tries on may have made another within moments
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

/** etcd lists the machine no more. Where it gives no list nothing is waited for. */
export const memberForgotten = (server: Host, leaving: Leaving): Condition => ({
  what: `etcd without ${leaving.name}’s member`,
  seconds: timeoutSeconds,
  missing: async () =>
    ((await departureOf(server, leaving)).members ?? []).length === 0 ? '' : 'it is still a member',
  hint: 'journalctl -u k3s on the masters; then run the same command again',
})
