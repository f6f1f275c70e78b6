import { isIPv4 } from 'node:net'
import { isPrivateAddress } from '../../../lib/settings/private-addresses.mts'
import type { Member } from '../../../lib/hosts/hosts.mts'
import { isInRange } from '../host/cidr.mts'
import type { HostDocument } from '../host/document.mts'
import { dial, type Answer } from './dial.mts'

// Whether the ports of K3s answer at the public addresses of a host: probed from this machine, which stands for the
// internet as far as it goes there by it.

/** TCP ports that open on every address of a node (K3s documentation, "Networking"); VXLAN answers no stranger. */
const portsOf: Readonly<Record<Member['role'], readonly number[]>> = {
  master: [6443, 2379, 2380, 10_250],
  worker: [10_250],
}

/** Milliseconds for one port; a firewall that drops gives no answer at all. */
const timeoutMilliseconds = 1500

/** Not private, and routed nowhere: link-local (RFC 3927), documentation (RFC 5737), benchmarks (RFC 2544), multicast. */
const unrouted = [
  '169.254.0.0/16',
  '192.0.2.0/24',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '198.18.0.0/15',
  '224.0.0.0/3',
]

/** True for an address the internet reaches. */
const isPublic = (address: string): boolean =>
  !isPrivateAddress(address) && !unrouted.some((range) => isInRange(address, range))

/**
 * The addresses of a host that the internet reaches: IP_PUBLIQUE, IP_PRIVEE where that is none of a private range, and
 * those its interfaces carry. K3s listens on all of them.
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
 * The ports of one host that answer at its public addresses.
 * @param addresses of publicAddressesOf
 * @param probe milliseconds at most; gives what came back
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
