/** An IPv4 address as a number. */
const numberOf = (address: string): number =>
  address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)

/** First and last address of `10.0.0.0/16`; an address alone is a range of one. */
function boundsOf(range: string): [first: number, last: number] {
  const [address = '', bits = '32'] = range.split('/')
  const size = 2 ** (32 - Number(bits))
  const first = Math.floor(numberOf(address) / size) * size
  return [first, first + size - 1]
}

/** A range as packet filters write it back: by its first address, and without a length when there is no other. Pure. */
export function canonicalRange(range: string): string {
  const [first, last] = boundsOf(range)
  const address = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.')
  return first === last ? address : `${address}/${range.split('/')[1]}`
}

/** True when two IPv4 ranges share an address. */
export function rangesOverlap(one: string, other: string): boolean {
  const [[a, b], [c, d]] = [boundsOf(one), boundsOf(other)]
  return a <= d && c <= b
}

/** True when an IPv4 address is in a range. */
export const isInRange = (address: string, range: string): boolean => rangesOverlap(`${address}/32`, range)
