import { existsSync, mkdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { sha256Of } from '../base/checksum.mts'
import { fetchPart } from '../base/download.mts'
import { NotThere, type Fetching } from '../base/download-errors.mts'
import { exitCodes, KitError, messageOf } from '../base/errors.mts'
import { diskError, readIfThere, shownPath } from '../base/files.mts'
import { dropPart, partOf, placePart } from '../base/part-file.mts'
import { listedSum, sumIn } from './release-files.mts'

/** A file of a release that is not on this machine yet. */
export interface ReleaseFile {
  /** Its absolute path here; the file has the same name in the release. */
  readonly path: string
  readonly mode: number
  /** Its sha256 in versions.json; undefined when the list of checksums alone has it. */
  readonly pinned: string | undefined
  /** Checks the downloaded part beyond its checksum. @param part its path; it is deleted when this throws */
  readonly require?: (part: string) => Promise<void>
}

/** Where files of a release come from. */
export interface ReleaseSource {
  /** Address of the folder of the release; ends with a slash. */
  readonly base: URL
  /** Name of the list of checksums, in the release and in the folders of the files here. */
  readonly list: string
  readonly files: readonly ReleaseFile[]
  /** Bytes the longest file may have. */
  readonly mostBytes: number
  /** Seconds without data after which a download fails. */
  readonly silentSeconds: number
  readonly safe: string
  readonly instead: string
}

/** Most bytes of the list of checksums, which has about ten lines. */
const mostListBytes = 1024 * 1024

/**
 * Downloads files of a release, its list of checksums first. Each is placed when its sha256 is that of the list, and
 * the pinned one where there is one. A file that exists is never overwritten.
 * @returns true when the list was downloaded, false when it existed, or when the release has none and all are pinned
 * @throws KitError exit 2 when a list here cannot be read or is not UTF-8, exit 7 when a checksum differs or is not
 *   known, exit 12 when a file or folder cannot be written, or a part cannot be read; else as fetchPart; what `require`
 *   throws
 */
export async function fetchRelease(source: ReleaseSource): Promise<boolean> {
  let fetched = false
  for (const folder of new Set(source.files.map(({ path }) => dirname(path)))) {
    const files = source.files.filter(({ path }) => dirname(path) === folder)
    if (await ensureList({ ...source, files }, folder)) fetched = true
  }
  // One after another: in parallel they would share the bandwidth, and a lost connection would leave two partial files.
  for (const file of source.files) await fetchOne(source, file)
  return fetched
}

const fetchingOf = ({ base, safe, instead }: ReleaseSource, path: string): Fetching => ({
  url: new URL(encodeURIComponent(basename(path)), base),
  path,
  safe,
  instead,
})

/** Provides the list of checksums in the folder of some files. @returns true when it was downloaded */
async function ensureList(source: ReleaseSource, folder: string): Promise<boolean> {
  const { list, files, silentSeconds, safe, base } = source
  const path = join(folder, list)
  try {
    mkdirSync(folder, { recursive: true })
  } catch (cause) {
    throw diskError(folder, cause)
  }
  const wanted = files.filter((file) => listedSum(file.path) === undefined)
  if (wanted.length === 0) return false
  const there = readIfThere(path)
  if (there !== undefined) {
    const unnamed = wanted.filter(({ pinned }) => pinned === undefined)
    if (unnamed.length === 0) return false
    throw withoutSum(
      shownPath(path),
      unnamed,
      source,
      `rm ${path}   then run the same command again: it is fetched`,
    )
  }
  try {
    await fetchPart({ ...fetchingOf(source, path), mostBytes: mostListBytes, silentSeconds })
  } catch (thrown) {
    if (thrown instanceof NotThere && files.every(({ pinned }) => pinned !== undefined)) return false
    throw thrown
  }
  const text = textOf(path)
  const missing = files.filter((file) => sumIn(text, basename(file.path)) === undefined)
  const other = files.find(
    ({ path: at, pinned }) => pinned !== undefined && (sumIn(text, basename(at)) ?? pinned) !== pinned,
  )
  if (missing.length > 0 || other !== undefined) dropPart(path)
  if (missing.length > 0)
    throw withoutSum(`${list} of ${base.host}`, missing, source, `open ${base.href}${list} to see what it is`)
  if (other !== undefined)
    throw new KitError(`versions.json and ${list} of ${base.host} disagree about ${basename(other.path)}`, {
      exitCode: exitCodes.trust,
      details: [
        `versions.json: ${other.pinned ?? ''}`,
        `${list}: ${sumIn(text, basename(other.path)) ?? ''}`,
        `No file was fetched. ${safe}`,
      ],
      hint: 'find out which is right before anything is installed; versions.json must name the version its sha256 belongs to',
    })
  await placePart(path, 0o644)
  return true
}

/** The text of the downloaded list; empty when it is not UTF-8, so that it names no file. */
function textOf(path: string): string {
  try {
    return readIfThere(partOf(path)) ?? ''
  } catch {
    return ''
  }
}

const withoutSum = (
  list: string,
  files: readonly ReleaseFile[],
  { safe }: ReleaseSource,
  hint: string,
): KitError =>
  new KitError(`${list} does not name ${files.map(({ path }) => basename(path)).join(', ')}`, {
    exitCode: exitCodes.trust,
    details: [`A file without a known checksum is not fetched. ${safe}`],
    hint,
  })

async function sumOfPart(path: string): Promise<string> {
  try {
    return await sha256Of(partOf(path))
  } catch (cause) {
    throw new KitError(`cannot read ${shownPath(partOf(path))}`, {
      exitCode: exitCodes.localDisk,
      details: [messageOf(cause), 'Another run may have fetched the same file and given it its name.'],
      hint: 'run the same command again',
      cause,
    })
  }
}

async function fetchOne(source: ReleaseSource, file: ReleaseFile): Promise<void> {
  const { path, mode, pinned } = file
  const { mostBytes, silentSeconds, list, safe } = source
  const fetching = fetchingOf(source, path)
  await fetchPart({ ...fetching, mostBytes, silentSeconds })
  // The file was put there by hand meanwhile: it stays, and is verified before its use as any other.
  if (existsSync(path)) return dropPart(path)
  const found = await sumOfPart(path)
  const wanted = [pinned, listedSum(path)].filter((sum) => sum !== undefined)
  const [first = 'none'] = wanted
  if (wanted.length > 0 && wanted.every((sum) => sum === found)) {
    await file.require?.(partOf(path)).catch((thrown: unknown) => {
      dropPart(path)
      throw thrown
    })
    return placePart(path, mode)
  }
  dropPart(path)
  throw new KitError(`${basename(path)} of ${fetching.url.host} is not the file its checksum names`, {
    exitCode: exitCodes.trust,
    details: [
      `from: ${fetching.url.href}`,
      `sha256 wanted: ${wanted.find((sum) => sum !== found) ?? first}`,
      `sha256 found: ${found}`,
      `What came was deleted. ${safe}`,
    ],
    hint: `rm ${join(dirname(path), list)}   if it is of another version, then run the same command again`,
  })
}
