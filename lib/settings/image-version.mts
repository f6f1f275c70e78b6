// Pure: what the name of an image says about its version.

/** True for `name@sha256:...` without a tag: nothing in it tells a version. */
export const hasDigestAlone = (image: string): boolean => image.includes('@') && !/:[^:/@]+@/.test(image)

/**
 * An image as isOlder compares it: named by its digest alone, with the version of its entry as a tag.
 * @param version as versions.json has it; undefined: the image stays as it is
 */
export const withVersion = (image: string, version: string | undefined): string =>
  hasDigestAlone(image) && version !== undefined ? `${image.replace(/@.*$/, '')}:${version}` : image

/** True when the tag of image `one` is a lower x.y.z than that of `other`; false when they cannot be compared. */
export function isOlder(one: string, other: string): boolean {
  const [a, b] = [numbersOf(one), numbersOf(other)]
  if (a === undefined || b === undefined) return false
  const at = a.findIndex((number, index) => number !== b[index])
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0)
}

const numbersOf = (image: string): number[] | undefined =>
  /:v?(\d+)\.(\d+)\.(\d+)/.exec(image)?.slice(1).map(Number)
