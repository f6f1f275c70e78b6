import { basename, dirname } from 'node:path'
import { elfMachine, thisProcessor } from '../../../lib/base/elf.mts'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { shownPath } from '../../../lib/base/files.mts'
import { fromRoot } from '../../../lib/base/home.mts'
import type { ReleaseFile, ReleaseSource } from '../../../lib/settings/fetch-release.mts'
import { requireVersion, type Version, type Versions } from '../../../lib/settings/versions.mts'
import type { K3sSettings } from '../settings.mts'

// Which files of K3s' release are missing on this machine, and where they are downloaded from.

type Arch = 'amd64' | 'arm64'

/** Names of the files in the release, by their entry of versions.json. */
const names: Readonly<Record<Arch, Readonly<Record<'k3s' | 'k3s-images' | 'list', string>>>> = {
  amd64: {
    k3s: 'k3s',
    'k3s-images': 'k3s-airgap-images-amd64.tar.zst',
    list: 'sha256sum-amd64.txt',
  },
  arm64: {
    k3s: 'k3s-arm64',
    'k3s-images': 'k3s-airgap-images-arm64.tar.zst',
    list: 'sha256sum-arm64.txt',
  },
}

/** Processors as `uname -m` prints them, by their names in a release. */
export const processors: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64' }

/** Most bytes of a file: the images are some 200 MB. */
const mostBytes = 2e9

/** Seconds without data after which a download fails. */
const silentSeconds = 60

/** The files that are missing on this machine, and where they are downloaded from. */
export interface MissingFiles extends ReleaseSource {
  /** The processor they are for, as `uname -m` prints it. */
  readonly processor: string
}

/**
 * Finds the files of K3s for which versions.json only has `places`, and that are in none of these.
 * @param isNew true when no cluster was installed for this environment before. Hosts of an existing cluster have the
 *   images or pull them: then they are not downloaded here
 * @returns undefined when nothing is missing
 * @throws KitError exit 3 when a file here is for another processor than HOSTS_ARCH; exit 2 when versions.json has no
 *   k3s
 */
export async function findMissing(
  versions: Versions,
  settings: Pick<K3sSettings, 'ARTIFACTS_URL' | 'HOSTS_ARCH'>,
  isNew: boolean,
): Promise<MissingFiles | undefined> {
  const arch = await archOf(versions, settings.HOSTS_ARCH)
  const files = (isNew ? (['k3s', 'k3s-images'] as const) : (['k3s'] as const)).flatMap(
    (name): ReleaseFile[] => {
      const entry = versions[name]
      const place = entry?.file === undefined ? placeOf(entry, names[arch][name]) : undefined
      if (place === undefined) return []
      const file = { path: fromRoot(place), pinned: entry?.sha256 }
      return [
        name === 'k3s'
          ? { ...file, mode: 0o755, require: (part) => requireProgram(part, place, arch) }
          : { ...file, mode: 0o644 },
      ]
    },
  )
  const [first] = files
  if (first === undefined) return undefined
  const { version } = requireVersion(versions, 'k3s')
  const base = baseOf(settings.ARTIFACTS_URL, version)
  const { list } = names[arch]
  const byHand = [...files.map(({ path }) => basename(path)), list].join(', ')
  return {
    processor: processors[arch] ?? arch,
    base,
    list,
    files,
    mostBytes,
    silentSeconds,
    safe: 'No host was asked.',
    instead: `or put ${byHand} of K3s ${version} into ${shownPath(dirname(first.path))}/ by hand`,
  }
}

/** Requires a program for that processor, whatever its name. @param place its later path @throws KitError exit 3 */
async function requireProgram(part: string, place: string, arch: Arch): Promise<void> {
  const found = await elfMachine(part)
  if (found === processors[arch]) return
  const what = found === undefined ? 'no program' : `for ${found}`
  throw new KitError(`what was fetched as ${place} is ${what}, wanted is ${processors[arch] ?? arch}`, {
    exitCode: exitCodes.preflight,
    details: ['Its checksum is that of the list. It was deleted; no host was asked.'],
    hint: 'correct what ARTIFACTS_URL leads to: its files and its list are not those of a release of K3s',
  })
}

const placeOf = (entry: Version | undefined, name: string): string | undefined =>
  entry?.places?.find((place) => basename(place) === name)

/** The folder of a release. Some servers read a plus sign as a blank, others literally: %2B is the same for all. */
function baseOf(mirror: string | undefined, version: string): URL {
  if (mirror !== undefined && mirror !== '') return new URL(mirror.replace(/\/*$/, '/'))
  return new URL(`https://github.com/k3s-io/k3s/releases/download/${encodeURIComponent(version)}/`)
}

/**
 * The processor whose files are downloaded: HOSTS_ARCH, else that of the files here, else this machine's.
 * @throws KitError exit 3 when a file here is for another one than HOSTS_ARCH
 */
async function archOf(versions: Versions, wanted: string | undefined): Promise<Arch> {
  const there = await archsThere(versions)
  const chosen = wanted === undefined || wanted === '' ? there[0]?.arch : wanted
  const others = there.filter(({ arch }) => wanted !== undefined && wanted !== '' && arch !== wanted)
  const [other] = others
  if (other !== undefined)
    throw new KitError(`${shownPath(other.file)} is for ${other.arch}, HOSTS_ARCH is ${chosen}`, {
      exitCode: exitCodes.preflight,
      details: ['No host was asked; what lies there is never replaced.'],
      hint: `rm ${others.map(({ file }) => shownPath(file)).join(' ')}   then run the same command again: it fetches what is for ${chosen}; or correct HOSTS_ARCH`,
    })
  const own = Object.keys(processors).find((arch) => processors[arch] === thisProcessor())
  return (chosen ?? own) === 'arm64' ? 'arm64' : 'amd64'
}

/** The files here whose processor is known, the binary first: by its ELF header, the images by their name. */
async function archsThere(versions: Versions): Promise<{ file: string; arch: string }[]> {
  const [program, images] = [versions['k3s']?.file, versions['k3s-images']?.file]
  const machine = program === undefined ? undefined : await machineOf(fromRoot(program))
  const ofProgram = Object.keys(processors).find((arch) => processors[arch] === machine)
  const ofImages = /-(amd64|arm64)\.tar/.exec(images ?? '')?.[1]
  return [
    ...(program === undefined || ofProgram === undefined
      ? []
      : [{ file: fromRoot(program), arch: ofProgram }]),
    ...(images === undefined || ofImages === undefined ? [] : [{ file: fromRoot(images), arch: ofImages }]),
  ]
}

/** The processor of a program; undefined when it cannot be read, which the comparison with its checksum reports. */
const machineOf = (file: string): Promise<string | undefined> => elfMachine(file).catch(() => undefined)
