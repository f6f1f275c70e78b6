import ipaddr from 'ipaddr.js'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'

/** An address and the length of its network prefix. */
type Range = [address: ipaddr.IPv4, bits: number]

/**
 * Parses a range such as `10.0.0.0/16`; an address alone is a range of one.
 * @throws KitError exit 2 for what is not IPv4: every comparison with it would be false, as if it overlapped nothing
 */
function parsed(range: string): Range {
  const [address = '', bits = '32'] = range.split('/')
  // Only the usual four decimal numbers: the library also accepts shorter, octal and hexadecimal forms.
  if (ipaddr.IPv4.isValidFourPartDecimal(address) && ipaddr.IPv4.isValidCIDR(`${address}/${bits}`))
    return ipaddr.IPv4.parseCIDR(`${address}/${bits}`)
  throw new KitError(`${range} is not an IPv4 address or range`, {
    exitCode: exitCodes.usage,
    hint: 'correct it in the settings file or in servers.tsv: IPv6 is not supported yet',
  })
}

/**
 * A range as packet filters print it: with its first address, and without `/32` when it is a single address. Pure.
 * @throws KitError exit 2 for what is not an IPv4 address or range
 */
export function canonicalRange(range: string): string {
  const [address, bits] = parsed(range)
  const first = ipaddr.IPv4.networkAddressFromCIDR(`${address.toString()}/${bits}`).toString()
  return bits === 32 ? first : `${first}/${bits}`
}

/**
 * True when two IPv4 ranges share an address: the larger one then contains the other.
 * @throws KitError exit 2 when one is not an IPv4 address or range
 */
export function rangesOverlap(one: string, other: string): boolean {
  const [[a, bitsOfA], [b, bitsOfB]] = [parsed(one), parsed(other)]
  return a.match(b, Math.min(bitsOfA, bitsOfB))
}

/**
 * True when `inner` equals `outer` or is inside it.
 * @throws KitError exit 2 when one is not an IPv4 address or range
 */
export const isWithin = (inner: string, outer: string): boolean =>
  parsed(inner)[1] >= parsed(outer)[1] && rangesOverlap(inner, outer)

/**
 * True when an IPv4 address is in a range.
 * @throws KitError exit 2 when `address` is not an IPv4 address, or `range` not an IPv4 address or range
 */
export const isInRange = (address: string, range: string): boolean => rangesOverlap(`${address}/32`, range)
