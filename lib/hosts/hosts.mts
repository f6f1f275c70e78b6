import { createDialing } from './dialing.mts'
import { connectHost, type Entry, loginOf } from './login.mts'
import { exitCodes, isInterruption, KitError } from '../base/errors.mts'
import { takeMajority } from './masters-lock.mts'
import { quorumLost } from './quorum-lost.mts'
import type { Host } from './host.mts'
import { log, say } from '../base/log.mts'
import { interruption } from '../base/signals.mts'
import { type Server, limited, readServers, type Limited } from './servers.mts'
import { connect } from './ssh.mts'
import { readSshKey } from './private-key.mts'
import { untrustedHostOf, trustHosts, type UntrustedHost } from './known-hosts.mts'

/** The machines of a cluster, connected. */
export interface Hosts {
  /** Every master that was connected, in the order of servers.tsv: any of them may be read. */
  readonly servers: readonly Host[]
  /** The masters this run works on: all of them, or those --limit names. */
  readonly masters: readonly Host[]
  /** The workers this run works on. */
  readonly workers: readonly Host[]
  /** Masters, and workers this run works on, that could not be connected to. */
  readonly lost: readonly UnreachableHost[]
  /** Every machine of this cluster in servers.tsv, also outside --limit: firewalls must allow all of them. */
  readonly members: readonly Member[]
  /** Closes every connection; the hosts then release this run's locks. */
  close(): void
}

export interface Member {
  readonly name: string
  readonly address: string
  readonly role: 'master' | 'worker'
  /** IP_PUBLIQUE of servers.tsv. */
  readonly publicAddress?: string | undefined
}

export interface UnreachableHost {
  readonly name: string
  readonly address: string
  /** True when this run was to change it; false for a master that is only read. */
  readonly limited: boolean
  readonly role: 'master' | 'worker'
  readonly why: KitError
}

export interface HostsOptions extends Omit<Entry, 'privateKey'> {
  /** Hosts --limit names; undefined for all. */
  readonly limit: readonly string[] | undefined
  /** Continues without a master that cannot be connected to, with a warning: to remove it from the cluster. */
  readonly withoutLost: boolean
}

/**
 * Connects to every master, and to the workers this run works on, all at once, and takes the lock on the masters.
 * Every master must be connected when one of them is changed: another run may work on one that does not answer. A
 * worker that cannot be connected to is only a warning. Once its key is known it delays no other by more than 3 s.
 * @throws KitError exit 2 for servers.tsv, --limit, SSH_KEY or known_hosts, or when new host keys are not confirmed;
 *   exit 3 without servers.tsv, or for a login shell or MaxSessions; exit 6 for a master that does not answer, or
 *   without a majority; exit 7 for a host key; exit 8 for a refused login or sudo; exit 9 when a lock cannot be taken;
 *   exit 11 while another run works on these hosts; exit 12 when known_hosts cannot be written; exit 130 or 143 on a
 *   signal
 */
export async function openHosts(options: HostsOptions): Promise<Hosts> {
  const started = performance.now()
  const every = readServers(options.env)
  const { masters, workers } = limited(every, options.limit)
  const all = [...masters.all, ...workers]
  const entry: Entry = { ...options, privateKey: await readSshKey(options.settings) }
  const unreachable = await learnUnknownHosts(entry, all)
  const connected = await connectAll(entry, all, unreachable)
  const connections = connected.flatMap((one) => (one.status === 'fulfilled' ? [one.value.connection] : []))
  const close = () => connections.forEach((connection) => connection.close())
  try {
    // After a signal a login may also fail by itself: no machine is lost by that.
    interruption.throwIfAsked()
    const lost = connected.flatMap((one, at) =>
      one.status === 'rejected' ? [lostOne(all[at], masters, one.reason)] : [],
    )
    if (!options.withoutLost && masters.limited.length > 0) requireMasters(lost, masters.all.length)
    // Before the locks: an error without a majority is about these lines.
    for (const { why } of lost) log.warn(why.message, why.hint)
    const hosts = connected.flatMap((one) => (one.status === 'fulfilled' ? [one.value.host] : []))
    const of = (servers: readonly Server[]) =>
      hosts.filter(({ name }) => servers.some(({ hostname }) => hostname === name))
    if (!options.writes.planning) {
      await takeMajority(of(masters.all), masters.all.length, close)
      await Promise.all(hosts.map((host) => host.quiet()))
    }
    log.ok(`${hosts.length} of ${all.length} hosts answer over SSH`, started)
    if (every.others !== undefined) say(`    servers.tsv: ${every.others}`)
    const members = [...membersOf(every.masters, 'master'), ...membersOf(every.workers, 'worker')]
    return {
      servers: of(masters.all),
      masters: of(masters.limited),
      workers: of(workers),
      lost,
      members,
      close,
    }
  } catch (thrown) {
    close()
    throw thrown
  }
}

const membersOf = (servers: readonly Server[], role: Member['role']): Member[] =>
  servers.map(({ hostname, privateAddress, publicAddress }) => ({
    name: hostname,
    address: privateAddress,
    role,
    publicAddress,
  }))

/** Connects to all servers at once, but those that did not answer when their keys were asked for. */
function connectAll(entry: Entry, servers: readonly Server[], unreachable: ReadonlyMap<Server, unknown>) {
  const attempt = createDialing()
  const one = async (server: Server) => {
    const why = unreachable.get(server)
    if (why !== undefined) throw why
    return connectHost(entry, server, attempt())
  }
  return Promise.allSettled(servers.map(one))
}

/**
 * The host whose connection failed for this reason.
 * @throws the reason itself when it is an interruption (exit 130 or 143) or a bug: it is not about one host
 */
export function lostOne(
  server: Server | undefined,
  masters: Limited['masters'],
  reason: unknown,
): UnreachableHost {
  if (!(reason instanceof KitError) || isInterruption(reason) || server === undefined) throw reason
  const { hostname: name, privateAddress: address } = server
  const role = masters.all.includes(server) ? 'master' : 'worker'
  return { name, address, role, limited: role === 'worker' || masters.limited.includes(server), why: reason }
}

/**
 * Requires that every master was connected.
 * @param all how many masters servers.tsv has
 * @throws KitError with the exit code of the first unreachable master, naming why each could not be connected to
 */
export function requireMasters(lost: readonly UnreachableHost[], all: number): void {
  const masters = lost.filter(({ role }) => role === 'master').map(({ why }) => why)
  const [first] = masters
  if (first === undefined) return
  if (masters.length === 1) throw first
  throw new KitError(`${masters.length} masters could not be connected to`, {
    exitCode: first.exitCode,
    details: [
      ...masters.flatMap(({ message, details }) => [message, ...details]),
      ...((all - masters.length) * 2 > all ? [] : [quorumLost]),
    ],
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  })
}

/**
 * Shows the keys of all hosts that are not in known_hosts yet, asks whether they are right, and saves them, before any
 * login.
 * @returns the servers that did not answer, each with its error: reported with the others that cannot be connected to
 * @throws KitError exit 2, 7, 12, 130 or 143, see trustHosts and connect
 */
async function learnUnknownHosts(
  options: Entry,
  servers: readonly Server[],
): Promise<ReadonlyMap<Server, unknown>> {
  const unreachable = new Map<Server, unknown>()
  const attempt = createDialing()
  const meet = async (server: Server): Promise<UntrustedHost[]> => {
    const login = loginOf(options, server)
    if (login.keys.known.length > 0) return []
    try {
      // Without a known key the connection is always refused: the error has the host's key, or why there is none.
      await connect(login, attempt())
      return []
    } catch (thrown) {
      if (!isUnreachable(thrown)) return [untrustedHostOf(login, thrown)]
      unreachable.set(server, thrown)
      return []
    }
  }
  const untrusted = (await Promise.all(servers.map(meet))).flat()
  if (untrusted.length > 0) await trustHosts(options.env, untrusted, options.answers)
  return unreachable
}

const isUnreachable = (thrown: unknown): boolean =>
  thrown instanceof KitError && thrown.exitCode === exitCodes.unreachable
