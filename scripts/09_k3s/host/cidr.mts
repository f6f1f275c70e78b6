import ipaddr from 'ipaddr.js'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'

/** An address and how many of its bits name the network. */
type Range = [address: ipaddr.IPv4, bits: number]

/**
 * `10.0.0.0/16`; an address alone is a range of one.
 * @throws KitError exit 2 for what is not IPv4: every comparison with it would be false, and overlap nothing
 */
function parsed(range: string): Range {
  const [address = '', bits = '32'] = range.split('/')
  // Only the usual four decimal numbers: the library also takes shorter, octal and hexadecimal ones.
  if (ipaddr.IPv4.isValidFourPartDecimal(address) && ipaddr.IPv4.isValidCIDR(`${address}/${bits}`))
    return ipaddr.IPv4.parseCIDR(`${address}/${bits}`)
  throw new KitError(`${range} is not an IPv4 address or range`, {
    exitCode: exitCodes.usage,
    hint: 'correct it in the settings file or in servers.tsv: IPv6 is not supported yet',
  })
}

/** A range as packet filters write it back: by its first address, and without a length when there is no other. Pure. */
export function canonicalRange(range: string): string {
  const [address, bits] = parsed(range)
  const first = ipaddr.IPv4.networkAddressFromCIDR(`${address.toString()}/${bits}`).toString()
  return bits === 32 ? first : `${first}/${bits}`
}

/** True when two IPv4 ranges share an address: the larger one holds the other. */
export function rangesOverlap(one: string, other: string): boolean {
  const [[a, bitsOfA], [b, bitsOfB]] = [parsed(one), parsed(other)]
  return a.match(b, Math.min(bitsOfA, bitsOfB))
}

/** True when one IPv4 range is another, or lies inside it. */
export const isWithin = (inner: string, outer: string): boolean =>
  parsed(inner)[1] >= parsed(outer)[1] && rangesOverlap(inner, outer)

/** True when an IPv4 address is in a range. */
export const isInRange = (address: string, range: string): boolean => rangesOverlap(`${address}/32`, range)
