import { Readable } from 'node:stream'
import type { Host } from '../../../lib/hosts/host.mts'
import type { Member, Hosts } from '../../../lib/hosts/hosts.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import type { K3sSettings } from '../settings.mts'
import { openingsOf, type Opening } from '../host/openings.mts'
import { dialUntil } from './dial.mts'
import type { HostDocument } from '../host/document.mts'
import { probeScript, listenScript } from './scripts.mts'

// Whether every machine reaches the ports it will need, tested before anything is installed. On a free port a listener
// is started for a few seconds; where the kit's K3s runs, its own port is probed.

/** The name of the machine that runs the kit, in `Blocked.from`. */
export const thisMachine = 'this machine'

/** A machine that takes part; without a document when it is a master that this run does not work on. */
export interface Peer extends Pick<Member, 'address' | 'role'> {
  readonly host: Host
  readonly said?: HostDocument
}

/** A connection that failed. */
export interface Blocked extends Pick<Opening, 'protocol'> {
  /** The name of a host, or thisMachine. */
  readonly from: string
  readonly to: string
  readonly port: string
  /** `silent`, `refused` or `unreachable`, see Answer. */
  readonly how: string
}

/** One port of one machine that is probed, and who must reach it. */
export interface PortProbe extends Pick<Opening, 'protocol' | 'from'> {
  readonly peer: Peer
  readonly port: string
  /** The port is free: the kit must listen there. */
  readonly empty: boolean
}

/** Seconds a probe is repeated, and seconds after which a listener ends by itself. */
const [probeSeconds, listenSeconds] = [10, 30]

const how: Readonly<Record<string, string>> = {
  silent: 'no answer',
  refused: 'refused',
  unreachable: 'turned away',
}

/** The single ports of a range such as `2379-2380`. */
function portsIn(range: string): string[] {
  const [first = 0, last = first] = range.split('-').map(Number)
  return Array.from({ length: last - first + 1 }, (_, at) => String(first + at))
}

/**
 * What can be probed on one machine. Of a master that this run does not work on, only the API and the kubelet: nothing
 * is known of its other ports. Pure.
 */
export function probesFor(peer: Peer, settings: K3sSettings): PortProbe[] {
  const ours = peer.said === undefined || peer.said.has('ours')
  const taken = (protocol: string, port: string) =>
    peer.said === undefined
      ? ['6443', '10250'].includes(port) && (peer.role === 'master' || port === '10250')
      : peer.said.has('port', protocol, port)
  return openingsOf(settings)
    .filter(({ to }) => to === 'nodes' || peer.role === 'master')
    .flatMap(({ protocol, ports, from }) => portsIn(ports).map((port) => ({ peer, protocol, port, from })))
    .flatMap((probe) => {
      const busy = taken(probe.protocol, probe.port)
      // An installed K3s may start at any moment and need its ports, so the kit does not listen there. VXLAN and
      // WireGuard (UDP) give no answer.
      if (ours && (!busy || probe.protocol === 'udp')) return []
      return [{ ...probe, empty: !busy }]
    })
}

/** True when a machine must reach the port of a probe. Pure. */
const mustReach = ({ host, role }: Peer, { peer, from }: PortProbe): boolean =>
  host.name !== peer.host.name && (from.includes('nodes') || (role === 'master' && from.includes('masters')))

/**
 * Probes every port from every machine that must reach it, and the ports of administrators also from this machine.
 * @returns every connection that failed; empty when all succeeded
 * @throws KitError exit 3, 6, 9, 130 or 143, see Host.read; an Error when a host cannot listen or probe
 */
export async function findBlocked(peers: readonly Peer[], settings: K3sSettings): Promise<Blocked[]> {
  const probes = peers.flatMap((peer) => probesFor(peer, settings))
  const close = peers.map((peer) => listen(peer, probes))
  try {
    const fromHere = probes.filter(({ from, protocol }) => from.includes('admins') && protocol === 'tcp')
    const found = await Promise.all([
      ...peers.map((peer) => probePorts(peer, probes)),
      ...fromHere.map((probe) => probeFromHere(probe)),
    ])
    return found.flat()
  } finally {
    await Promise.all(close.map((one) => one()))
  }
}

/**
 * Listens on the free ports of one machine.
 * @returns closes them; throws KitError exit 3, 6, 9, 130 or 143, see Host.read, or an Error when the machine could not
 *   listen
 */
function listen({ host, address }: Peer, probes: readonly PortProbe[]): () => Promise<void> {
  const own = probes.filter(({ peer, empty }) => empty && peer.host === host)
  if (own.length === 0) return () => Promise.resolve()
  const words = own.map(({ protocol, port }) => `${protocol}:${port}`)
  // The listener ends with its stdin: when this run closes it, or with the connection.
  const input = new Readable({ read() {} })
  const ended = host.read(['perl', '-e', listenScript, String(listenSeconds), address, ...words], {
    input,
    timeoutSeconds: listenSeconds + 10,
    shown: `listen on ${words.join(' ')} for the others`,
  })
  // An error is reported by the probes that fail, or by the function returned here.
  ended.catch(() => undefined)
  return async () => {
    input.push(null)
    const { code, stderr } = await ended
    if (code !== 0) throw new Error(`${host.name} could not listen: ${stderr.trim()}`)
  }
}

async function probeFromHere(probe: PortProbe): Promise<Blocked[]> {
  const { peer, protocol, port } = probe
  const answer = await dialUntil(peer.address, Number(port), probeSeconds * 1000)
  return isOpen(probe, answer) ? [] : [{ from: thisMachine, to: peer.host.name, protocol, port, how: answer }]
}

/**
 * True when the connection is not blocked. K3s may be stopped on a master that this run does not work on: a refusal by
 * it shows that the packet arrived. Pure.
 */
export const isOpen = ({ peer }: Pick<PortProbe, 'peer'>, answer: string): boolean =>
  answer === 'open' || (answer === 'refused' && peer.said === undefined)

/** The values of each key, in the order of the keys. */
const collected = (pairs: readonly (readonly [key: string, value: string])[]): [string, string[]][] => {
  const values = new Map<string, string[]>()
  for (const [key, value] of pairs) values.set(key, [...(values.get(key) ?? []), value])
  return [...values]
}

/** One port of one machine, and how it is described. No part contains a `|` or a comma. */
interface Way {
  readonly kind: string
  readonly machine: string
  readonly port: string
}

/** Groups the machines that have the same ports of a kind. */
const alike = (ways: readonly Way[]): { kind: string; ports: string[]; machines: string[] }[] =>
  collected(
    collected(ways.map(({ kind, machine, port }) => [`${kind}|${machine}`, port])).map(([key, ports]) => {
      const [kind = '', machine = ''] = key.split('|')
      return [`${kind}|${ports.join(',')}`, machine]
    }),
  ).map(([key, machines]) => {
    const [kind = '', ports = ''] = key.split('|')
    return { kind, ports: ports.split(','), machines }
  })

/**
 * The arguments of probeScript: `tcp:6443,2379:ADDRESS,ADDRESS`. Machines with the same ports share one word, because
 * every run sends these to each host. Pure.
 */
export const probeWords = (probes: readonly PortProbe[]): string[] =>
  alike(probes.map(({ protocol, port, peer }) => ({ kind: protocol, machine: peer.address, port }))).map(
    ({ kind, ports, machines }) => `${kind}:${ports.join(',')}:${machines.join(',')}`,
  )

/**
 * Probes from one machine every port it must reach.
 * @throws KitError exit 3, 6, 9, 130 or 143, see Host.read; an Error when there is no answer about a port
 */
async function probePorts(prober: Peer, probes: readonly PortProbe[]): Promise<Blocked[]> {
  const own = probes.filter((probe) => mustReach(prober, probe))
  if (own.length === 0) return []
  const words = probeWords(own)
  const { stdout, stderr } = await readScript(prober.host, probeScript, [String(probeSeconds), ...words], {
    interpreter: 'perl',
    timeoutSeconds: probeSeconds + 25,
    shown: `probe ${words.join(' ')}`,
  })
  return own.flatMap((probe) => {
    const { protocol, port } = probe
    const answer = new RegExp(`^${protocol} ${probe.peer.address} ${port} (\\w+)$`, 'm').exec(stdout)?.[1]
    if (answer === undefined) throw new Error(`${prober.host.name} could not probe: ${stderr.trim()}`)
    return isOpen(probe, answer)
      ? []
      : [{ from: prober.host.name, to: probe.peer.host.name, protocol, port, how: answer }]
  })
}

/**
 * Which connections from and to a host failed, in words: `no answer to k8s-worker-01, k8s-worker-02 on tcp 6443, tcp
 * 10250`. Pure.
 * @param blocked only connections to or from the host `name`
 */
export function blockedText({ name, blocked }: { name: string; blocked: readonly Blocked[] }): string {
  const ways = blocked.map((one) => {
    const [way, machine] = one.to === name ? ['to', one.from] : ['from', one.to]
    return { kind: `${how[one.how] ?? one.how} ${way}`, machine, port: `${one.protocol} ${one.port}` }
  })
  return alike(ways)
    .map(({ kind, ports, machines }) => `${kind} ${machines.join(', ')} on ${ports.join(', ')}`)
    .join('; ')
}

/** The hosts this run works on, and the masters it only reads. Pure. */
export const peersOf = (
  { servers }: Pick<Hosts, 'servers'>,
  asked: readonly Omit<Peer, 'address'>[],
): Peer[] => [
  ...asked.map((one) => ({ ...one, address: one.host.address })),
  ...servers
    .filter(({ name }) => asked.every(({ host }) => host.name !== name))
    .map((host) => ({ host, role: 'master' as const, address: host.address })),
]
