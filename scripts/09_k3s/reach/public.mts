import { isPrivateAddress } from '../../../lib/settings/private-addresses.mts'
import type { Member } from '../../../lib/hosts/hosts.mts'
import { dial, type Answer } from './dial.mts'

// Whether the ports of K3s answer at the public address of a host: probed from this machine, which stands for the
// internet as far as it goes there by it.

/** TCP ports that open on every address of a node (K3s documentation, "Networking"); VXLAN answers no stranger. */
const portsOf: Readonly<Record<Member['role'], readonly number[]>> = {
  master: [6443, 2379, 2380, 10_250],
  worker: [10_250],
}

/** Milliseconds for one port; a firewall that drops gives no answer at all. */
const patience = 1500

/** True for an address the internet reaches. */
export const isPublic = (address: string | undefined): address is string =>
  address !== undefined && !isPrivateAddress(address) && !address.startsWith('169.254.')

/**
 * The ports of one host that answer at its public address; none without one.
 * @param probe milliseconds at most; gives what came back
 */
export async function openInPublic(
  { role, publicAddress }: Pick<Member, 'role' | 'publicAddress'>,
  probe: (address: string, port: number, milliseconds: number) => Promise<Answer> = dial,
): Promise<number[]> {
  if (!isPublic(publicAddress)) return []
  const answers = await Promise.all(
    portsOf[role].map(async (port) => ({ port, answer: await probe(publicAddress, port, patience) })),
  )
  return answers.filter(({ answer }) => answer === 'open').map(({ port }) => port)
}
