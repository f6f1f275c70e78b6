import { BlockList, isIP } from 'node:net'
import { isHostWithPort, type Rule } from './validators.mts'

// Where plain HTTP with a password in it may go: networks that no stranger is on the way of.

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

/** @param address IPv4 or IPv6; a name is none */
export const isPrivateAddress = (address: string): boolean =>
  isIP(address) !== 0 && ranges.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** What a setting and a request say of an address that is not one. */
export const publicProblem =
  'is not in a private range (10/8, 172.16/12, 192.168/16, 100.64/10, 127/8): with TLS_MODE load-balancer the checks send passwords there in plain HTTP'

/** `host:port` for plain HTTP. What a name leads to is looked at when it is asked. */
export const isPrivateHostWithPort: Rule = (value) => {
  const host = value.replace(/:\d+$/, '')
  const isPublic = isIP(host) !== 0 && !isPrivateAddress(host)
  return isHostWithPort(value) ?? (isPublic ? publicProblem : undefined)
}
