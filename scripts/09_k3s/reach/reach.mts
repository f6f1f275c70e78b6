import { Readable } from 'node:stream'
import { awaitedLater } from '../../../lib/base/concurrency.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import type { Member, Hosts } from '../../../lib/hosts/hosts.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import type { K3sSettings } from '../settings.mts'
import { openingsOf, type Opening } from '../host/openings.mts'
import { dialUntil } from './dial.mts'
import type { HostDocument } from '../host/document.mts'
import { probeScript, listenScript } from './scripts.mts'

// Whether every machine reaches the ports it will need, asked before anything is installed: where nobody has the
// port, a listener of a few seconds stands in; where a K3s of ours runs, its own port is probed.

export const thisMachine = 'this machine'

/** A machine that takes part; without a document when it is only a neighbour of those this run works on. */
export interface Peer extends Pick<Member, 'address' | 'role'> {
  readonly host: Host
  readonly said?: HostDocument
}

/** Somebody who did not get through. */
export interface Blocked extends Pick<Opening, 'protocol'> {
  readonly from: string
  readonly to: string
  readonly port: string
  readonly how: string
}

export interface PortProbe extends Pick<Opening, 'protocol' | 'from'> {
  readonly peer: Peer
  readonly port: string
  /** A listener of ours must stand in. */
  readonly empty: boolean
}

/** Seconds a probe waits, and the longest a listener may stand. */
const [probeSeconds, listenSeconds] = [10, 30]

const how: Readonly<Record<string, string>> = {
  silent: 'no answer',
  refused: 'refused',
  unreachable: 'turned away',
}

/** The single ports of `2379-2380`. */
function portsIn(range: string): string[] {
  const [first = 0, last = first] = range.split('-').map(Number)
  return Array.from({ length: last - first + 1 }, (_, at) => String(first + at))
}

/** What can be probed on one machine. Pure. */
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
      // K3s may start at any moment where it is installed: its ports are not taken from it, nor does VXLAN answer.
      if (ours && (!busy || probe.protocol === 'udp')) return []
      return [{ ...probe, empty: !busy }]
    })
}

/** Whether one machine must reach a probe. Pure. */
const mustReach = ({ host, role }: Peer, { peer, from }: PortProbe): boolean =>
  host.name !== peer.host.name && (from.includes('nodes') || (role === 'master' && from.includes('masters')))

/** Knocks at every probe from every machine that must pass it, and from here. @throws KitError exit 6 */
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

/** Opens the empty probes of one machine. @returns what closes them */
function listen({ host, address }: Peer, probes: readonly PortProbe[]): () => Promise<void> {
  const own = probes.filter(({ peer, empty }) => empty && peer.host === host)
  if (own.length === 0) return () => Promise.resolve()
  const words = own.map(({ protocol, port }) => `${protocol}:${port}`)
  // The listener ends when its stdin does: by us, or with the connection.
  const input = new Readable({ read() {} })
  const ended = awaitedLater(
    host.read(['perl', '-e', listenScript, String(listenSeconds), address, ...words], {
      input,
      timeoutSeconds: listenSeconds + 10,
      shown: `listen on ${words.join(' ')} for the others`,
    }),
  )
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

/** Whether the way is free. A neighbour nobody asked may be stopped: what it refuses has reached it. Pure. */
export const isOpen = ({ peer }: Pick<PortProbe, 'peer'>, answer: string): boolean =>
  answer === 'open' || (answer === 'refused' && peer.said === undefined)

const collected = (pairs: readonly (readonly [key: string, value: string])[]): [string, string[]][] => {
  const values = new Map<string, string[]>()
  for (const [key, value] of pairs) values.set(key, [...(values.get(key) ?? []), value])
  return [...values]
}

/** One port of one machine, of some kind. No part has a `|` or a comma. */
interface Way {
  readonly kind: string
  readonly machine: string
  readonly port: string
}

/** Machines whose ports of a kind are the same, together. */
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

/** `tcp:6443,2379:ADDRESS,ADDRESS`: machines with the same ports are one word, for a host gets these in every run. Pure. */
export const probeWords = (probes: readonly PortProbe[]): string[] =>
  alike(probes.map(({ protocol, port, peer }) => ({ kind: protocol, machine: peer.address, port }))).map(
    ({ kind, ports, machines }) => `${kind}:${ports.join(',')}:${machines.join(',')}`,
  )

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

/** `no answer to k8s-worker-01, k8s-worker-02 on tcp 6443, tcp 10250`: who probed in vain, and where. Pure. */
export function blockedText({ name, blocked }: { name: string; blocked: readonly Blocked[] }): string {
  const ways = blocked.map((one) => {
    const [way, machine] = one.to === name ? ['to', one.from] : ['from', one.to]
    return { kind: `${how[one.how] ?? one.how} ${way}`, machine, port: `${one.protocol} ${one.port}` }
  })
  return alike(ways)
    .map(({ kind, ports, machines }) => `${kind} ${machines.join(', ')} on ${ports.join(', ')}`)
    .join('; ')
}

/** Those this run works on, and the masters it only asks. */
export const peersOf = (
  { servers }: Pick<Hosts, 'servers'>,
  asked: readonly Omit<Peer, 'address'>[],
): Peer[] => [
  ...asked.map((one) => ({ ...one, address: one.host.address })),
  ...servers
    .filter(({ name }) => asked.every(({ host }) => host.name !== name))
    .map((host) => ({ host, role: 'master' as const, address: host.address })),
]
