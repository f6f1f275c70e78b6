import { join } from 'node:path'
import { exitCodes, KitError, messageOf } from '../base/errors.mts'
import { credentialsFolder, readIfThere, root, shownPath } from '../base/files.mts'
import { shortened } from '../base/sensitive.mts'
import { located } from './release-files.mts'
import { listOf, mapOf, oneOf, onlyFields, optional, readShape, text } from '../base/shape.mts'
import { denialOf, withDenied } from './denied-versions.mts'

/** One entry of versions.json: an image, or a binary. */
export interface Version {
  /** As operators write it: 2.43.5. */
  readonly version: string
  /** Image reference with tag or digest. */
  readonly image?: string
  /** Path of a binary on this machine, or of images that are copied to hosts. */
  readonly file?: string | undefined
  /** Path of a chart's archive on this machine; `image` is then its name in its publisher's registry. */
  readonly chart?: string
  /** Checksum of the file or chart. */
  readonly sha256?: string
  /** Paths where the file is looked for when `file` is not given: the first that exists is used. */
  readonly places?: readonly string[]
  /** Why this is not the real program: shown in every report. */
  readonly standIn?: string
  /** How it was made where it is not the publisher's release: `built from source`. Shown in every report. */
  readonly made?: string
  /** How its publisher signs it: `key` or `keyless`. */
  readonly signature?: 'key' | 'keyless'
  /** Why some versions must never be installed, by pattern (denied-versions.mts). An environment can only add more. */
  readonly denied?: Readonly<Record<string, string>>
  /** Last parts of the names under which any registry may have this program: `litellm-database`. */
  readonly builds?: readonly string[]
}

const versionsShape = mapOf(
  onlyFields({
    version: text,
    image: optional(text),
    file: optional(text),
    chart: optional(text),
    sha256: optional(text),
    places: optional(listOf(text)),
    standIn: optional(text),
    made: optional(text),
    signature: optional(oneOf(['key', 'keyless'])),
    denied: optional(mapOf(text)),
    builds: optional(listOf(text)),
  }),
)

export type Versions = Readonly<Record<string, Version>>

/**
 * Reads the pinned versions of an environment: the kit's versions.json, overridden by credentials/ENV/versions.json.
 * @returns all entries, and the names of those that the environment overrides
 * @throws KitError exit 2 for a file that cannot be read or is not JSON, an unknown field, an image that problemWithImage
 *   refuses, or an image or binary that its list of denied versions refuses
 */
export function readVersions(env: string): { versions: Versions; overlaid: readonly string[] } {
  const base = readOne(join(root, 'versions.json')) ?? {}
  const own = readOne(join(credentialsFolder(env), 'versions.json')) ?? {}
  const all = Object.entries({ ...base, ...own })
  const versions = Object.fromEntries(all.map(([name, one]) => [name, located(withDenied(one, base[name]))]))
  for (const [name, { version, image, denied = {} }] of Object.entries(versions)) {
    const problem =
      (image === undefined ? undefined : problemWithImage(image)) ?? denialOf(denied, version, image)
    if (problem !== undefined) {
      throw new KitError(`versions.json: ${name} is ${image ?? version}: ${problem}`, {
        exitCode: exitCodes.usage,
        hint: `write the exact version you want into versions.json (${name}.${image === undefined ? 'version' : 'image'})`,
      })
    }
  }
  return { versions, overlaid: Object.keys(own) }
}

/** The version of `name`. @throws KitError exit 2 when versions.json does not have it */
export function requireVersion(versions: Versions, name: string): Version {
  const version = versions[name]
  if (version === undefined) {
    throw new KitError(`versions.json has no entry ${name}`, {
      exitCode: exitCodes.usage,
      hint: `add it there, or for one environment to a versions.json beside its settings: "${name}": { "version": "1.4.0", "image": "registry.example.com/${name}:1.4.0" }`,
    })
  }
  return version
}

function requireImage(versions: Versions, name: string): string {
  const { image } = requireVersion(versions, name)
  if (image !== undefined) return image
  throw new KitError(`versions.json: ${name}.image is missing`, {
    exitCode: exitCodes.usage,
    hint: `add the image to its entry: "image": "registry.example.com/${name}:1.4.0"`,
  })
}

const movingTags = ['latest', 'stable', 'beta', 'next', 'main', 'master', 'nightly', 'edge', 'dev']

/** One sentence when an image must not be installed: its tag moves, or it is no longer maintained; else undefined. */
export function problemWithImage(image: string): string | undefined {
  const [name = '', digest] = image.split('@')
  const tag = /:([^:/]+)$/.exec(name)?.[1]
  if (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest))
    return 'its digest is not sha256: and 64 digits'
  if (tag === undefined && digest === undefined) return 'it has neither tag nor digest'
  if (tag !== undefined && movingTags.includes(tag) && digest === undefined)
    return `${tag} is another image every week`
  if (/(^|\/)bitnami(legacy)?\//.test(name)) return 'bitnami images are no longer maintained'
  return undefined
}

function readOne(path: string): Versions | undefined {
  const content = readIfThere(path)
  return content === undefined ? undefined : parseVersions(shownPath(path), content)
}

/**
 * The entries of a versions.json.
 * @param file its name as shown to operators
 * @throws KitError exit 2 with file and field
 */
export function parseVersions(file: string, content: string): Versions {
  const hint = 'correct it, or restore it from git'
  let json: unknown
  try {
    json = JSON.parse(content.replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw new KitError(`${file} is not JSON: ${shortened(messageOf(cause), 200)}`, {
      exitCode: exitCodes.usage,
      hint,
      cause,
    })
  }
  return readShape(file, versionsShape, json, { hint })
}

/** The version of this kit, from package.json; else `unknown`. @throws KitError exit 2 when that cannot be read */
export const kitVersion = (): string =>
  (JSON.parse(readIfThere(join(root, 'package.json')) ?? '{}') as { version?: string }).version ?? 'unknown'

/** The images of a run, and their newer versions. */
export interface Chosen {
  /** Image reference by name: what this run installs. */
  readonly images: Readonly<Record<string, string>>
  /** Names whose pinned image differs from the installed one: `--upgrade` would install it. */
  readonly newer: readonly { readonly name: string; readonly from: string; readonly to: string }[]
}

/**
 * The images a run installs: the installed ones stay, unless `upgrade` (DESIGN section 5).
 * @param names keys of versions.json
 * @param installed image reference by name
 * @param ofNodes those of `names` that never follow versions.json once they are installed, see Module.imagesOfNodes
 * @throws KitError exit 2 when versions.json has no entry, or no image, for one of the names
 */
export function chooseImages(
  names: readonly string[],
  versions: Versions,
  installed: Readonly<Record<string, string>>,
  upgrade: boolean,
  ofNodes: readonly string[] = [],
): Chosen {
  const pinned = Object.fromEntries(names.map((name) => [name, requireImage(versions, name)]))
  const newer = names.flatMap((name) => {
    const [from, to] = [installed[name], pinned[name] ?? '']
    return from === undefined || from === to || ofNodes.includes(name) ? [] : [{ name, from, to }]
  })
  const kept = Object.entries(installed).filter(
    ([name]) => names.includes(name) && (!upgrade || ofNodes.includes(name)),
  )
  return { images: { ...pinned, ...Object.fromEntries(kept) }, newer }
}

/**
 * Describes an image for a report: why it is a stand-in, how it was made, and how its publisher signs it.
 * @param name key of versions.json
 * @param image its reference; another one than versions.json has is described by name and reference alone
 */
export function describeImage(
  name: string,
  image: string,
  versions: Versions,
): { name: string; image: string; standIn?: string; made?: string; signature?: string } {
  const pinned = versions[name]
  if (pinned?.image !== image) return { name, image }
  const { standIn, made, signature } = pinned
  return {
    name,
    image,
    ...(standIn === undefined ? {} : { standIn }),
    ...(made === undefined ? {} : { made }),
    ...(signature === undefined ? {} : { signature }),
  }
}
