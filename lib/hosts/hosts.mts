import { connectHost, type Entry, loginOf } from './login.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { takeMajority } from './masters-lock.mts'
import type { Host } from './host.mts'
import { log, say } from '../base/log.mts'
import { type Server, limited, readServers, type Limited } from './servers.mts'
import { connect } from './ssh.mts'
import { newcomerOf, trustNewcomers, type Newcomer } from './known-hosts.mts'

/** The machines of a cluster, connected. */
export interface Hosts {
  /** Every master that was connected, in the order of servers.tsv: each may be asked. */
  readonly servers: readonly Host[]
  /** The masters this run works on: all of them, or those --limit names. */
  readonly masters: readonly Host[]
  /** The workers this run works on. */
  readonly workers: readonly Host[]
  /** Masters, and workers this run works on, that could not be connected to. */
  readonly lost: readonly UnreachableHost[]
  /** Every machine servers.tsv gives this cluster, whatever --limit says: those firewalls must know. */
  readonly members: readonly Member[]
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
  /** This run was to work on it: not only a master that would be asked. */
  readonly limited: boolean
  readonly role: 'master' | 'worker'
  readonly why: KitError
}

export interface HostsOptions extends Entry {
  /** Hosts --limit names; undefined for all. */
  readonly limit: readonly string[] | undefined
  /** A master that cannot be connected to is named, and the others are gone on with: to take it out of the cluster. */
  readonly withoutLost: boolean
}

/**
 * Enters every master, and the workers this run works on, all at once. Every master must let the kit in when one
 * of them is worked on: a master nobody answers for may hold the cluster. A lost worker is only named, so that it
 * delays no other.
 * @throws KitError exit 2, 3, 6, 7, 8 or 11
 */
export async function openHosts(options: HostsOptions): Promise<Hosts> {
  const started = performance.now()
  const every = readServers(options.env)
  const { masters, workers } = limited(every, options.limit)
  const all = [...masters.all, ...workers]
  const unreachable = await learnUnknownHosts(options, all)
  const connected = await Promise.allSettled(all.map((server) => connectOne(options, server, unreachable)))
  const connections = connected.flatMap((one) => (one.status === 'fulfilled' ? [one.value.connection] : []))
  const close = () => connections.forEach((connection) => connection.close())
  try {
    const lost = connected.flatMap((one, at) =>
      one.status === 'rejected' ? [lostOne(all[at], masters, one.reason)] : [],
    )
    if (!options.withoutLost && masters.limited.length > 0) requireMasters(lost)
    const hosts = connected.flatMap((one) => (one.status === 'fulfilled' ? [one.value.host] : []))
    const of = (servers: readonly Server[]) =>
      hosts.filter(({ name }) => servers.some(({ hostname }) => hostname === name))
    if (!options.writes.planning) {
      await takeMajority(of(masters.all), masters.all.length, close)
      await Promise.all(hosts.map((host) => host.quiet()))
    }
    for (const { why } of lost) log.warn(why.message, why.hint)
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

async function connectOne(options: Entry, server: Server, unreachable: ReadonlyMap<Server, unknown>) {
  const why = unreachable.get(server)
  if (why !== undefined) throw why
  return connectHost(options, server)
}

function lostOne(server: Server | undefined, masters: Limited['masters'], reason: unknown): UnreachableHost {
  if (!(reason instanceof KitError) || server === undefined) throw reason
  const { hostname: name, privateAddress: address } = server
  const role = masters.all.includes(server) ? 'master' : 'worker'
  return { name, address, role, limited: role === 'worker' || masters.limited.includes(server), why: reason }
}

/** @throws KitError with why each lost master could not be connected to */
function requireMasters(lost: readonly UnreachableHost[]): void {
  const masters = lost.filter(({ role }) => role === 'master').map(({ why }) => why)
  const [first] = masters
  if (first === undefined) return
  if (masters.length === 1) throw first
  throw new KitError(`${masters.length} masters could not be connected to`, {
    exitCode: first.exitCode,
    details: masters.flatMap(({ message, details }) => [message, ...details]),
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  })
}

/**
 * Hosts nobody knows yet are shown all at once, before anything is sent to any.
 * @returns those that did not answer, and why: they are told with the others that cannot be connected to
 */
async function learnUnknownHosts(
  options: Entry,
  servers: readonly Server[],
): Promise<ReadonlyMap<Server, unknown>> {
  const unreachable = new Map<Server, unknown>()
  const meet = async (server: Server): Promise<Newcomer[]> => {
    const login = loginOf(options, server)
    if (login.keys.known.length > 0) return []
    try {
      // Without a known key it never gets in: the answer is the key, or why there is none.
      await connect(login)
      return []
    } catch (thrown) {
      if (!isUnreachable(thrown)) return [newcomerOf(login, thrown)]
      unreachable.set(server, thrown)
      return []
    }
  }
  const newcomers = (await Promise.all(servers.map(meet))).flat()
  if (newcomers.length > 0) await trustNewcomers(options.env, newcomers, options.answers)
  return unreachable
}

const isUnreachable = (thrown: unknown): boolean =>
  thrown instanceof KitError && thrown.exitCode === exitCodes.unreachable
