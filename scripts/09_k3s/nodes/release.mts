import { elfMachine, thisProcessor } from '../../../lib/base/elf.mts'
import { run } from '../../../lib/base/command.mts'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { shownPath } from '../../../lib/base/files.mts'
import { fromRoot } from '../../../lib/base/home.mts'
import { log } from '../../../lib/base/log.mts'
import { pinnedFile } from '../../../lib/settings/pinned-file.mts'
import { runnable } from '../../../lib/settings/pinned-program.mts'
import { listBeside } from '../../../lib/settings/release-files.mts'
import { requireVersion, type Versions } from '../../../lib/settings/versions.mts'
import { paths } from '../host/paths.mts'
import { artifactsOf } from './install.mts'
import { processors } from './release-source.mts'

// The files of K3s' release on this machine, checked before a host is read.

/**
 * Requires that the binary and the images of K3s are intact, for the same processor, and of the version in
 * versions.json.
 * @param env the environment, for messages
 * @param isNew true: every file is compared with its checksum now. False, when a cluster was installed for this
 *   environment before: each is compared only when it is copied to a host
 * @returns the processor they are built for, as `uname -m` prints it
 * @throws KitError exit 2 when versions.json has no k3s or a list of checksums cannot be read; exit 3 when a file
 *   cannot be read, is no program or is for another processor or version; exit 7 when a checksum differs or is not
 *   known; with `isNew` also exit 6, 9, 130 or 143 for the start of the binary, see run; NotYet when it was not
 *   downloaded yet
 */
export async function requireRelease(versions: Versions, env: string, isNew: boolean): Promise<string> {
  const artifacts = artifactsOf(versions)
  const { version } = requireVersion(versions, 'k3s')
  const program = artifacts.find(({ path }) => path === paths.binary)
  if (program === undefined) throw new Error('versions.json names no program')
  const started = performance.now()
  if (isNew) await Promise.all(artifacts.map(({ prove }) => prove()))
  const processor = await processorOf(program.file, versions)
  for (const { file } of artifacts) requireSameProcessor(file, processor, versions)
  requireImagesOf(versions, env)
  if (isNew) {
    await requireVersionOf(versions, env, processor)
    log.ok(`K3s ${version} for ${processor}: ${artifacts.length} files on this machine are whole`, started)
  }
  return processor
}

/** The processor a binary is built for. @throws KitError exit 3 when it cannot be read or is no program */
async function processorOf(file: string, versions: Versions): Promise<string> {
  let processor: string | undefined
  try {
    processor = await elfMachine(file)
  } catch (cause) {
    throw new KitError(`cannot read ${shownPath(file)}`, {
      exitCode: exitCodes.preflight,
      details: ['No host was asked.'],
      hint: 'put the program of K3s there again, or correct "file" of k3s in versions.json',
      cause,
    })
  }
  if (processor !== undefined) return processor
  throw new KitError(`${shownPath(file)} is no program`, {
    exitCode: exitCodes.preflight,
    details: ['A page of an error, or another file of the release? No host was asked.'],
    hint: replacing([file], versions, 'the program of K3s'),
  })
}

function requireSameProcessor(file: string, processor: string, versions: Versions): void {
  const named = processors[/-(amd64|arm64)\.tar/.exec(file)?.[1] ?? '']
  if (named === undefined || named === processor) return
  throw new KitError(`${shownPath(file)} holds images for ${named}, the program of K3s is for ${processor}`, {
    exitCode: exitCodes.preflight,
    details: ['No host was asked.'],
    hint: replacing([file], versions, `the images for ${processor}`),
  })
}

function requireImagesOf(versions: Versions, env: string): void {
  requireSameVersion(versions, env)
  if (versions['k3s-images']?.file === undefined)
    log.warn(
      'the images of K3s are not on this machine: hosts that lack them fetch them from the internet',
      'put k3s-airgap-images-amd64.tar.zst (or -arm64) of the release into artifacts/',
    )
}

/**
 * Requires that versions.json names one version for the binary and the images of K3s.
 * @param env the environment, for messages
 * @throws KitError exit 3 when the versions differ; exit 2 when versions.json has no k3s
 */
export function requireSameVersion(versions: Versions, env: string): void {
  const { version } = requireVersion(versions, 'k3s')
  const images = versions['k3s-images']
  // With a binary that the operator has named, the images may be absent: hosts then pull them.
  const from = images?.file ?? (isGiven(versions['k3s']) ? undefined : images?.places?.[0])
  if (images === undefined || from === undefined || images.version === version) return
  throw new KitError(`versions.json names K3s ${version} and images of ${images.version}`, {
    exitCode: exitCodes.preflight,
    details: [`images: ${shownPath(from)}`, 'No host was asked.'],
    hint: `write the same version into k3s and k3s-images of credentials/${env}/versions.json`,
  })
}

/**
 * Requires that the binary reports the version in versions.json, where this machine can run it.
 * @throws KitError exit 3 when it reports another one; exit 3 or 7, see runnable; exit 6, 9, 130 or 143, see run
 */
async function requireVersionOf(versions: Versions, env: string, processor: string): Promise<void> {
  const { version, ...entry } = requireVersion(versions, 'k3s')
  const pinned = pinnedFile('k3s', { version, ...entry })
  if (pinned === undefined || process.platform !== 'linux' || processor !== thisProcessor()) return
  const { stdout } = await run([await runnable(pinned), '--version'])
  const told = /^\S+ version (v\S+)/.exec(stdout)?.[1]
  if (told === version) return
  // The list of checksums is of that version too: it would not match the files that are downloaded instead.
  const files = artifactsOf(versions).flatMap(({ file }) => [file, listBeside(file)?.list ?? []].flat())
  throw new KitError(`${shownPath(pinned.file)} is ${told ?? 'not K3s'}, versions.json names ${version}`, {
    exitCode: exitCodes.preflight,
    details: ['No host was asked.'],
    hint: `${replacing(files, versions, version)}; or write the version you want into credentials/${env}/versions.json: k3s and k3s-images`,
  })
}

/** True for an entry whose file an operator has named, instead of the places where it is looked for. */
const isGiven = (entry: Versions[string] | undefined): boolean =>
  entry?.file !== undefined && entry.places === undefined

/** The hint to replace wrong files. @param what would be right */
function replacing(files: readonly string[], versions: Versions, what: string): string {
  const entries = Object.values(versions)
  const isNamed = (path: string) =>
    entries.some((entry) => isGiven(entry) && fromRoot(entry.file ?? '') === path)
  const names = [...new Set(files)].map((path) => shownPath(path)).join(' ')
  return files.some(isNamed)
    ? `put ${what} there instead of ${names}`
    : `rm ${names}   then run the same command again: it fetches ${what}`
}
