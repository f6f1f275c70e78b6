// Versions that must never be installed, by patterns in versions.json: `1.82.7`, `1.107.*`, `<1.101.1`, or a tag.

/**
 * Why an image or binary must never be installed; undefined when no pattern matches its version or tag.
 * @param denied reason by pattern: `1.82.7`, `1.107.*`, `<1.101.1`, or a whole tag
 * @param version as versions.json has it: 1.108.14
 * @param image reference, with the tag that pods will use; undefined for a binary
 */
export function denialOf(
  denied: Readonly<Record<string, string>>,
  version: string,
  image?: string,
): string | undefined {
  const tag = /:([^:/@]+)(@|$)/.exec(image ?? '')?.[1] ?? ''
  const candidates = [version, tag].filter((one) => one !== '')
  const hit = Object.entries(denied).find(([pattern]) =>
    candidates.some((candidate) => matches(pattern, candidate)),
  )
  return hit === undefined ? undefined : `${hit[0]} ${hit[1]}`
}

function matches(pattern: string, candidate: string): boolean {
  if (candidate === pattern) return true
  const numbers = numbersOf(candidate)
  if (numbers === undefined) return false
  if (pattern.startsWith('<')) return isBelow(numbers, numbersOf(pattern.slice(1)) ?? [])
  const wanted = pattern.replace(/\.\*$/, '').split('.').map(Number)
  const isPattern = pattern.endsWith('.*') || wanted.length === numbers.length
  return isPattern && wanted.every((number, at) => number === numbers[at])
}

/** The first x.y.z of a version or tag: `v1.107.0-stable`, `main-v1.82.7`. */
const numbersOf = (text: string): number[] | undefined =>
  /(?<![\d.])v?(\d+)\.(\d+)\.(\d+)/.exec(text)?.slice(1, 4).map(Number)

function isBelow(one: readonly number[], other: readonly number[]): boolean {
  const at = one.findIndex((number, index) => number !== other[index])
  return at >= 0 && (one[at] ?? 0) < (other[at] ?? 0)
}
