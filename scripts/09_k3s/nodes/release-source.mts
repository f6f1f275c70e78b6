import { basename, dirname } from 'node:path'
import { elfMachine, thisProcessor } from '../../../lib/base/elf.mts'
import { exitCodes, hasCode, KitError } from '../../../lib/base/errors.mts'
import { fromRoot, shownPath } from '../../../lib/base/files.mts'
import type { ReleaseFile, ReleaseSource } from '../../../lib/settings/fetch-release.mts'
import { requireVersion, type Version, type Versions } from '../../../lib/settings/versions.mts'
import type { K3sSettings } from '../settings.mts'

// What of K3s' release does not lie on this machine, and where it is fetched from.

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

/** Processors as `uname -m` names them, by their names in a release. */
export const processors: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64' }

/** Bytes no file of a release has: the images are some 200 MB. */
const mostBytes = 2e9

/** Seconds in which nothing may come. */
const silentSeconds = 60

/** What does not lie on this machine. */
export interface MissingFiles extends ReleaseSource {
  /** The processor they are for, as `uname -m` names it. */
  readonly processor: string
}

/**
 * The files of K3s that versions.json only gives places for, and none of them is there.
 * @returns undefined when nothing is missing
 * @throws KitError exit 3 when what lies there is for another processor than HOSTS_ARCH
 */
export async function findMissing(
  versions: Versions,
  settings: Pick<K3sSettings, 'ARTIFACTS_URL' | 'HOSTS_ARCH'>,
): Promise<MissingFiles | undefined> {
  const arch = await archOf(versions, settings.HOSTS_ARCH)
  const files = (['k3s', 'k3s-images'] as const).flatMap((name): ReleaseFile[] => {
    const entry = versions[name]
    const place = entry?.file === undefined ? placeOf(entry, names[arch][name]) : undefined
    if (place === undefined) return []
    const file = { path: fromRoot(place), pinned: entry?.sha256 }
    return [
      name === 'k3s'
        ? { ...file, mode: 0o755, require: (part) => requireProgram(part, place, arch) }
        : { ...file, mode: 0o644 },
    ]
  })
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

/** Requires a program for that processor, whatever its name says. @param place where it would go @throws KitError exit 3 */
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

/** The folder of a release; the plus sign in its name is written %2B. */
function baseOf(mirror: string | undefined, version: string): URL {
  if (mirror !== undefined && mirror !== '') return new URL(mirror.replace(/\/*$/, '/'))
  return new URL(`https://github.com/k3s-io/k3s/releases/download/${encodeURIComponent(version)}/`)
}

/** The processor whose files are fetched: HOSTS_ARCH, else that of what lies there, else this machine's. */
async function archOf(versions: Versions, wanted: string | undefined): Promise<Arch> {
  const there = await archThere(versions)
  const chosen = (wanted === undefined || wanted === '' ? undefined : wanted) ?? there?.arch
  if (there !== undefined && chosen !== there.arch)
    throw new KitError(`${shownPath(there.file)} is for ${there.arch}, HOSTS_ARCH is ${chosen}`, {
      exitCode: exitCodes.preflight,
      details: ['No host was asked; what lies there is never replaced.'],
      hint: `rm ${there.file}   then run the same command again: it fetches the one for ${chosen}; or correct HOSTS_ARCH`,
    })
  const own = Object.keys(processors).find((arch) => processors[arch] === thisProcessor())
  return (chosen ?? own ?? 'amd64') === 'arm64' ? 'arm64' : 'amd64'
}

/** The processor of the first file that lies there and tells it. */
async function archThere(versions: Versions): Promise<{ file: string; arch: string } | undefined> {
  const [program, images] = [versions['k3s']?.file, versions['k3s-images']?.file]
  const machine = program === undefined ? undefined : await machineOf(fromRoot(program))
  const ofProgram = Object.keys(processors).find((arch) => processors[arch] === machine)
  if (program !== undefined && ofProgram !== undefined) return { file: fromRoot(program), arch: ofProgram }
  const ofImages = /-(amd64|arm64)\.tar/.exec(images ?? '')?.[1]
  return images === undefined || ofImages === undefined
    ? undefined
    : { file: fromRoot(images), arch: ofImages }
}

/** Undefined also for a file that is missing, which is told when it is compared. */
async function machineOf(file: string): Promise<string | undefined> {
  try {
    return await elfMachine(file)
  } catch (cause) {
    if (hasCode(cause, 'ENOENT', 'EACCES')) return undefined
    throw cause
  }
}
