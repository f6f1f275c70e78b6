import { hasDigestAlone } from './image-version.mts'

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

/** What an entry of versions.json says about versions that must never be installed. */
interface Denying {
  readonly image?: string
  readonly denied?: Readonly<Record<string, string>>
  readonly builds?: readonly string[]
}

/** An environment's entry with what the kit's own denies: an environment can only add to it. */
export const withDenied = <T extends Denying>(entry: T, { denied, builds = [], image }: Denying = {}): T =>
  denied === undefined
    ? entry
    : {
        ...entry,
        denied: { ...entry.denied, ...denied },
        builds: [...(entry.builds ?? []), ...builds, ...(image === undefined ? [] : [lastPartOf(image)])],
      }

/**
 * Why it cannot be known whether an image of this entry is a version that must never run: its digest alone tells none.
 * The image that is pinned there has the version there, which readVersions compares.
 * @param name key of versions.json
 * @returns undefined when the image has a tag, or no version of the entry is denied
 */
export const untoldOf = (
  name: string,
  { denied = {}, image: own }: Denying,
  image: string,
): string | undefined =>
  hasDigestAlone(image) && image !== own && Object.keys(denied).length > 0
    ? `a digest alone tells no version, and some versions of ${name} must never run`
    : undefined

/** The same for an image from anywhere: of the program that it is a build of. */
export function untoldOfImage(
  versions: Readonly<Record<string, Denying>>,
  image: string,
): string | undefined {
  const builds = Object.entries(versions).filter(([, one]) => isBuildOf(one, image))
  const isPinned = builds.some(([, one]) => one.image === image)
  return isPinned ? undefined : builds.flatMap(([name, one]) => untoldOf(name, one, image) ?? [])[0]
}

/**
 * Why an image from anywhere must never run: it is a build of a program of versions.json, in a version that is denied
 * there. One that is named by its digest alone tells no version, see untoldOfImage. What counts versions from another
 * start only shares the name: ranges are for the publisher's own image, by path, from whichever registry.
 * @param versions the entries of versions.json, by name
 * @param image reference: `registry.example.com/mirror/litellm:v1.107.0`
 */
export function denialOfImage(
  versions: Readonly<Record<string, Denying>>,
  image: string,
): string | undefined {
  return Object.values(versions)
    .filter((one) => isBuildOf(one, image))
    .flatMap(({ denied = {}, image: own = '' }) => {
      const isOwn = pathOf(own) === pathOf(image)
      const rows = Object.entries(denied).filter(([pattern]) => isOwn || !pattern.startsWith('<'))
      return denialOf(Object.fromEntries(rows), '', image) ?? []
    })[0]
}

/** True when an image from anywhere has the name of this entry's program. */
function isBuildOf({ builds = [], image: own }: Denying, image: string): boolean {
  const part = lastPartOf(image)
  return builds.includes(part) || (own !== undefined && lastPartOf(own) === part)
}

/** An image's name without its registry: `berriai/litellm` of `ghcr.io/berriai/litellm:v1.108.14`. */
const pathOf = (image: string): string =>
  image
    .replace(/@.*$/, '')
    .replace(/:[^/]*$/, '')
    .replace(/^[^/]*[.:][^/]*\//, '')

/** The last part of an image's name: `litellm` of `ghcr.io/berriai/litellm:v1.108.14`. */
const lastPartOf = (image: string): string => /([^/:@]+)(:[^/]*|@.*)?$/.exec(image)?.[1] ?? ''

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
