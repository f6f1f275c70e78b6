import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { masterCommand } from '../../../lib/base/names.mts'
import { written } from '../../../lib/base/written.mts'
import { fixedKeys } from './fixed.mts'
import { paths } from './paths.mts'

// The name, address and role with which a machine joined its cluster. None of them can be changed while it is a member:
// under another name K3s registers a second Node, and at another address etcd refuses its own member.

/**
 * POSIX shell: as what a machine that registered its Node joined, from config.yaml (`node node-name: NAME`, on a
 * server also `node advertise-address: ADDRESS` and the keys of fixedValues) and from etcd (`node etcd: NAME-8HEX`).
 * Kept short: every install sends it twice to each host.
 */
export const joinedPart = `[ -s ${paths.etc}/node/password ] && sed -nE 's/^(node-name|adv|${fixedKeys})/node &/p' ${paths.config} && echo "node etcd: $(cat ${paths.server}/db/etcd/name)"
`

/** POSIX shell: a line `address INTERFACE ADDRESS/BITS` for each address. */
export const addressesPart = `ip -o -4 addr show | awk '{ print "address", $2, $4 }'`

/** A machine as servers.tsv describes it, and as it was found. */
export interface Identity {
  readonly name: string
  readonly address: string
  readonly role: 'master' | 'worker'
  /** The machine's own host name, without a domain; undefined where it was not read. */
  readonly hostname?: string | undefined
  /** All IPv4 addresses of its interfaces, without prefix length. */
  readonly addresses: readonly string[]
  /** The words after `node` of each line of `joinedPart`; empty for a machine that is not a node of the kit. */
  readonly joined: readonly (readonly string[])[]
}

interface Change {
  readonly what: string
  readonly hint: string
}

/** The Node of an etcd member: K3s names the member after the Node, with eight hexadecimal digits appended. Pure. */
export const nodeOfMember = (member: string): string => member.replace(/-[0-9a-f]{8}$/, '')

/**
 * Requires that every machine that joined a cluster still has the name, address and role it joined with.
 * @param masters how many servers.tsv has: a single one cannot be removed and join again
 * @throws KitError exit 5 naming as what each machine joined, what it would be now, and how to repair it
 */
export function requireSameIdentity(machines: readonly Identity[], env: string, masters: number): void {
  const moved = machines.filter((one) => addressOf(one) !== undefined && !keepsAddress(one)).length
  const changes = machines.flatMap((one) => changesOf(one, env, masters > 1 && moved <= 1))
  const [first] = changes
  if (first === undefined) return
  throw new KitError(first.what, {
    exitCode: exitCodes.conflict,
    details: [
      ...changes.slice(1).map(({ what }) => what),
      `As what: ${paths.config} on the host. K3s would register a second Node, or etcd refuse its own member.`,
      written(),
    ],
    hint: first.hint,
  })
}

function changesOf(machine: Identity, env: string, mayLeave: boolean): Change[] {
  const { name, address, role, hostname, addresses } = machine
  const node = nameOf(machine)
  const before = roleOf(machine)
  const install = masterCommand(9, env)
  const takeOut = (who: string) => masterCommand(9, env, '--uninstall', '--limit', who, '--confirm', who)
  if (node !== undefined && node !== name) {
    return [
      {
        what: `${name} joined its cluster as ${node}, and servers.tsv calls it ${name}`,
        hint: `write HOSTNAME ${node} back into servers.tsv, and on the host: hostnamectl set-hostname ${node}; to rename it all the same, with ${node} in servers.tsv: ${takeOut(node)}   then the new name in both, and ${install}`,
      },
    ]
  }
  if (node !== undefined && hostname !== undefined && hostname !== node) {
    return [
      {
        what: `${name} joined its cluster as ${node}, and calls itself ${hostname} now`,
        hint: `on the host: hostnamectl set-hostname ${node}`,
      },
    ]
  }
  if (before !== undefined && before !== role) {
    return [
      {
        what: `${name} joined its cluster as ${before}, and servers.tsv makes it a ${role}`,
        hint: `write SUBROLE ${before} back into servers.tsv; to change it all the same, with ${before} in servers.tsv: ${takeOut(name)}   then SUBROLE ${role}, and ${install}`,
      },
    ]
  }
  const old = addressOf(machine)
  if (old === undefined || keepsAddress(machine)) return []
  const now = address === old ? `its interfaces carry ${addresses.join(', ')}` : `servers.tsv says ${address}`
  const back = `give ${name} its address ${old} back, on the host and as IP_PRIVEE in servers.tsv`
  return [
    {
      what: `${name} joined its cluster as ${old}, and ${now}`,
      hint: mayLeave
        ? `${back}; or, with its new address as IP_PRIVEE, take it out and let it join anew: ${takeOut(name)}   then ${install}`
        : `${back}: no other master can go on without it`,
    },
  ]
}

/** The name of the etcd member takes precedence: config.yaml may have been overwritten since. */
function nameOf({ joined }: Identity): string | undefined {
  const member = ownMemberName(joined)
  return member === undefined ? valueOf(joined, 'node-name') : nodeOfMember(member)
}

/** The name a server's own etcd database has for it: K3s draws another one at each reset, restore and rejoin. Pure. */
export const ownMemberName = (joined: Identity['joined']): string | undefined => valueOf(joined, 'etcd')

const roleOf = (machine: Identity): Identity['role'] | undefined => {
  if (valueOf(machine.joined, 'node-name') === undefined) return undefined
  return addressOf(machine) === undefined ? 'worker' : 'master'
}

/** The address of a server in etcd. A worker has none: its Node takes over a new address. */
const addressOf = ({ joined }: Identity): string | undefined => valueOf(joined, 'advertise-address')

const keepsAddress = (machine: Identity): boolean =>
  addressOf(machine) === machine.address && machine.addresses.includes(machine.address)

/** The value of a line of `joinedPart`, without quotes: YAML quotes a name that would else be a number. */
const valueOf = (joined: Identity['joined'], wanted: string): string | undefined =>
  joined.find(([key, value = '']) => key === `${wanted}:` && value !== '')?.[1]?.replaceAll('"', '')
