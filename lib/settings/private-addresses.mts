import { BlockList, isIP } from 'node:net'
import { isHostWithPort, type Rule } from './validators.mts'

// Networks to which plain HTTP with a password in it may be sent: private ranges only.

const ranges = new BlockList()
// RFC 1918; RFC 6598, which providers use between their machines; loopback.
for (const [network, bits] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
] as const)
  ranges.addSubnet(network, bits)
ranges.addAddress('::1', 'ipv6')

/** True for an address of a private or loopback range. @param address IPv4 or IPv6; false for a host name */
export const isPrivateAddress = (address: string): boolean =>
  isIP(address) !== 0 && ranges.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** The error text for an address outside these ranges, in settings and in HTTP checks. */
export const publicProblem =
  'is not in a private range (10/8, 172.16/12, 192.168/16, 100.64/10, 127/8): with TLS_MODE load-balancer the checks send passwords there in plain HTTP'

/** Rule for the `host:port` of plain HTTP. A host name passes: the address it resolves to is checked at the request. */
export const isPrivateHostWithPort: Rule = (value) => {
  const host = value.replace(/:\d+$/, '')
  const isPublic = isIP(host) !== 0 && !isPrivateAddress(host)
  return isHostWithPort(value) ?? (isPublic ? publicProblem : undefined)
}
