import { isIPv4 } from 'node:net'
import { isPrivateAddress } from '../../../lib/settings/private-addresses.mts'
import type { Member } from '../../../lib/hosts/hosts.mts'
import { isInRange } from '../host/cidr.mts'
import type { HostDocument } from '../host/document.mts'
import { dial, type Answer } from './dial.mts'

// Whether the ports of K3s answer at the public addresses of a host. Probed from this machine, which shows what the
// internet reaches only if its own route to the host leads through the internet.

/** TCP ports that are open on every address of a node (K3s documentation, "Networking"). VXLAN gives no answer. */
const portsOf: Readonly<Record<Member['role'], readonly number[]>> = {
  master: [6443, 2379, 2380, 10_250],
  worker: [10_250],
}

/** Milliseconds for one port; a firewall that drops gives no answer at all. */
const timeoutMilliseconds = 1500

/** Not private, not routed: link-local (RFC 3927), documentation (RFC 5737), benchmarks (RFC 2544), multicast. */
const unrouted = [
  '169.254.0.0/16',
  '192.0.2.0/24',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '198.18.0.0/15',
  '224.0.0.0/3',
]

/** True for an address that can be reached from the internet. */
const isPublic = (address: string): boolean =>
  !isPrivateAddress(address) && !unrouted.some((range) => isInRange(address, range))

/**
 * The addresses of a host that can be reached from the internet: of IP_PUBLIQUE, IP_PRIVEE and those of its interfaces,
 * all that are not in a private range. K3s listens on all of them. Pure.
 */
export const publicAddressesOf = (host: {
  readonly address: string
  readonly publicAddress?: string | undefined
  readonly said: HostDocument
}): string[] => {
  const carried = host.said.all('address').map(([, one = '']) => one.split('/')[0] ?? '')
  const all = [...(host.publicAddress === undefined ? [] : [host.publicAddress]), host.address, ...carried]
  return [...new Set(all)].filter((one) => isIPv4(one) && isPublic(one))
}

/** A port that answered this machine at a public address. */
export interface OpenPort {
  readonly address: string
  readonly port: number
}

/**
 * Finds the ports of one host that are open at its public addresses.
 * @param addresses from publicAddressesOf
 * @param probe connects to one port, for this many milliseconds at most
 */
export async function openInPublic(
  role: Member['role'],
  addresses: readonly string[],
  probe: (address: string, port: number, milliseconds: number) => Promise<Answer> = dial,
): Promise<OpenPort[]> {
  const all = addresses.flatMap((address) => portsOf[role].map((port) => ({ address, port })))
  const answers = await Promise.all(
    all.map(async (one) => ({ ...one, answer: await probe(one.address, one.port, timeoutMilliseconds) })),
  )
  return answers.flatMap(({ address, port, answer }) => (answer === 'open' ? [{ address, port }] : []))
}
