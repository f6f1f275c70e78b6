import { visible } from '../../../lib/base/visible.mts'
import { shortened } from '../../../lib/base/sensitive.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import { paths } from '../host/paths.mts'
import { membersIn, type Member } from './members.mts'

// etcd's own list of its members, asked and changed on a server. K3s gives it over HTTP on port 2382 alone, to who shows
// the client certificate; another etcd gives it on 2379, where K3s ends the connection.

const keys = `${paths.server}/tls/etcd`

/** Lines of a POSIX script: a line `members=JSON`, where the etcd of this server gives its list. */
export const membersPart = `for port in 2379 2382; do
  curl -fsS --max-time 5 --cacert ${keys}/server-ca.crt --cert ${keys}/client.crt --key ${keys}/client.key \\
    -d '{}' "https://127.0.0.1:$port/v3/cluster/member/list" 2>/dev/null | tr -d '\\n' | sed 's/^/members=/' && echo
done`

/** The members, as the etcd of this server lists them; undefined where it gives no list. */
export async function membersOf(server: Host): Promise<Member[] | undefined> {
  const shown = 'ask etcd for its members'
  return membersIn((await readScript(server, membersPart, [], { timeoutSeconds: 30, shown })).stdout)
}

/**
 * A member that is gone already is no failure. $1 is its ID. etcd answers 200 or, with `"code"` and a message, why not;
 * without an answer there is nothing on that port.
 */
const removal = `for port in 2382 2379; do
  said=$(curl -sS --max-time 10 --cacert ${keys}/server-ca.crt --cert ${keys}/client.crt --key ${keys}/client.key \\
    -d "{\\"ID\\":\\"$1\\"}" "https://127.0.0.1:$port/v3/cluster/member/remove") || continue
  case $said in
    *'member not found'*) exit 0 ;;
    *'"code"'*) echo "$said" >&2; exit 1 ;;
    *) exit 0 ;;
  esac
done
exit 1`

/**
 * Takes a member out of etcd by its list.
 * @param server one that is healthy
 * @throws KitError exit 9 with etcd's answer when it refuses
 */
export async function removeMember(server: Host, { id, name, address }: Member): Promise<void> {
  const shown = visible(shortened(name === '' ? address : name, 80))
  await server.change(`remove the member ${shown} of etcd`, ['sh', '-c', removal, 'sh', id])
}
