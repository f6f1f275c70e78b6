import { interruption } from '../../../lib/base/signals.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import type { Member, Hosts } from '../../../lib/hosts/hosts.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import type { K3sSettings } from '../settings.mts'
import { openingsOf, type Opening } from '../host/openings.mts'
import { dialUntil } from './dial.mts'
import type { HostDocument } from '../host/document.mts'
import { listen, perlFailed } from './listener.mts'
import { probeScript } from './scripts.mts'
import { alike } from './ways.mts'

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

/** Seconds a probe is repeated. */
const probeSeconds = 10

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
  host.name !== peer.host.name &&
  (from.includes('nodes') || from.includes(role === 'master' ? 'masters' : 'workers'))

/**
 * Probes every port from every machine that must reach it, and the ports of administrators also from this machine.
 * @returns every connection that failed; empty when all succeeded
 * @throws KitError exit 3 when a host cannot listen or probe; exit 3, 6, 9, 130 or 143, see Host.read
 */
export async function findBlocked(peers: readonly Peer[], settings: K3sSettings): Promise<Blocked[]> {
  const probes = peers.flatMap((peer) => probesFor(peer, settings))
  const close = peers.map((peer) => {
    const own = probes.filter((probe) => probe.empty && probe.peer.host === peer.host)
    return listen(
      peer,
      own.map(({ protocol, port }) => `${protocol}:${port}`),
    )
  })
  const fromHere = probes.filter(({ from, protocol }) => from.includes('admins') && protocol === 'tcp')
  const probed = await Promise.all([
    ...peers.map((peer) => probePorts(peer, probes)),
    ...fromHere.map((probe) => probeFromHere(probe)),
  ]).catch(async (thrown: unknown) => {
    // What a listener adds does not hide the first error.
    await Promise.allSettled(close.map((one) => one()))
    interruption.throwIfAsked()
    throw thrown
  })
  await Promise.all(close.map((one) => one()))
  return probed.flat()
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
 * @throws KitError exit 3 when it tells nothing of a port; exit 3, 6, 9, 130 or 143, see Host.read
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
    if (answer === undefined) throw perlFailed(prober.host, 'probe the others', stderr)
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
