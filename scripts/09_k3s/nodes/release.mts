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

// The files of K3s' release on this machine, asked before any host is.

/**
 * Requires that the program and the images of K3s are whole, belong together, and are the version versions.json names.
 * @param env the environment, for messages
 * @param isNew no cluster was installed for this environment before: every file is compared with its checksum now.
 *   Later each is when it is sent.
 * @returns the processor they are made for, as `uname -m` names it
 * @throws KitError exit 3 when a file is missing, or is another kind of file, processor or version; exit 7 when a
 *   checksum differs or is not known
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
 * @param env the environment, for messages
 * @throws KitError exit 3 when versions.json names images of another version than the program's
 */
export function requireSameVersion(versions: Versions, env: string): void {
  const { version } = requireVersion(versions, 'k3s')
  const images = versions['k3s-images']
  // Beside a program of the operator's own, no images are an answer too: hosts fetch them.
  const from = images?.file ?? (isGiven(versions['k3s']) ? undefined : images?.places?.[0])
  if (images === undefined || from === undefined || images.version === version) return
  throw new KitError(`versions.json names K3s ${version} and images of ${images.version}`, {
    exitCode: exitCodes.preflight,
    details: [`images: ${shownPath(from)}`, 'No host was asked.'],
    hint: `write the same version into k3s and k3s-images of credentials/${env}/versions.json`,
  })
}

/** The version that the program itself tells, where this machine can run it. */
async function requireVersionOf(versions: Versions, env: string, processor: string): Promise<void> {
  const { version, ...entry } = requireVersion(versions, 'k3s')
  const pinned = pinnedFile('k3s', { version, ...entry })
  if (pinned === undefined || process.platform !== 'linux' || processor !== thisProcessor()) return
  const { stdout } = await run([await runnable(pinned), '--version'])
  const told = /^\S+ version (v\S+)/.exec(stdout)?.[1]
  if (told === version) return
  // The list of checksums is of the other version too: with it, what is fetched would look altered.
  const files = artifactsOf(versions).flatMap(({ file }) => [file, listBeside(file)?.list ?? []].flat())
  throw new KitError(`${shownPath(pinned.file)} is ${told ?? 'not K3s'}, versions.json names ${version}`, {
    exitCode: exitCodes.preflight,
    details: ['No host was asked.'],
    hint: `${replacing(files, versions, version)}; or write the version you want into credentials/${env}/versions.json: k3s and k3s-images`,
  })
}

/** True for an entry whose file an operator has named, in the place of those that are looked for. */
const isGiven = (entry: Versions[string] | undefined): boolean =>
  entry?.file !== undefined && entry.places === undefined

/**
 * What to do about files that are not the right ones.
 * @param what would be right
 */
function replacing(files: readonly string[], versions: Versions, what: string): string {
  const entries = Object.values(versions)
  const isNamed = (path: string) =>
    entries.some((entry) => isGiven(entry) && fromRoot(entry.file ?? '') === path)
  const names = [...new Set(files)].map((path) => shownPath(path)).join(' ')
  return files.some(isNamed)
    ? `put ${what} there instead of ${names}`
    : `rm ${names}   then run the same command again: it fetches ${what}`
}
