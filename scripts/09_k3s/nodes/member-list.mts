import { visible } from '../../../lib/base/visible.mts'
import { shortened } from '../../../lib/base/sensitive.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import { paths } from '../host/paths.mts'
import { membersIn, type Member } from './members.mts'

// etcd's own list of its members, read and changed on a server. K3s offers it over HTTP only on port 2382 of loopback, to
// clients with the client certificate; port 2379 is for gRPC only.

const keys = `${paths.server}/tls/etcd`

/** curl to this machine itself, for POSIX shell: never by the proxy that /etc/environment may name. It must be given a time limit. */
export const curlHere = "curl --noproxy '*'"

/** The same with the client certificate of etcd. */
export const etcdCurl = `${curlHere} --cacert ${keys}/server-ca.crt --cert ${keys}/client.crt --key ${keys}/client.key`

/** Where its HTTP gateway responds, on a server. */
export const etcdGateway = 'https://127.0.0.1:2382/v3'

/** POSIX shell: prints a line `members=JSON` when the etcd of this server gives its list. */
export const membersPart = `${etcdCurl} -fsS --max-time 5 -d '{}' ${etcdGateway}/cluster/member/list 2>/dev/null | tr -d '\\n' | sed 's/^/members=/' && echo`

/**
 * Reads the members from the etcd of a server.
 * @returns undefined when it gives no list
 * @throws KitError exit 3, 6, 9, 130 or 143, see Host.read
 */
export async function membersOf(server: Host): Promise<Member[] | undefined> {
  const shown = 'ask etcd for its members'
  return membersIn((await readScript(server, membersPart, [], { timeoutSeconds: 30, shown })).stdout)
}

/**
 * POSIX shell: removes the member with the ID $1; succeeds when it is already gone. etcd responds with 200, or with
 * `"code"` and a message; without a response nothing listens there.
 */
const removal = `said=$(${etcdCurl} -sS --max-time 10 -d "{\\"ID\\":\\"$1\\"}" ${etcdGateway}/cluster/member/remove) || exit 1
case $said in
  *'member not found'*) ;;
  *'"code"'*) echo "$said" >&2; exit 1 ;;
esac`

/**
 * Removes a member from etcd.
 * @param server a healthy one
 * @throws KitError exit 9 with etcd's message when it refuses; exit 3, 6, 9, 130 or 143, see Host.read; what the gate
 *   throws (Writes.make)
 */
export async function removeMember(server: Host, { id, name, address }: Member): Promise<void> {
  const shown = visible(shortened(name === '' ? address : name, 80))
  await server.change(`remove the member ${shown} of etcd`, ['sh', '-c', removal, 'sh', id])
}
