import { lstatSync, statfsSync, type Stats } from 'node:fs'
import { chmod, open, rename, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { diskError, readIfThere, shownPath, writePrivate } from './files.mts'
import { removeFile } from './remove-file.mts'
import { noteBegun } from './written.mts'

// A file during its download: NAME.part, and NAME.part.json, which records where it comes from. Bytes are written at
// their offset, never appended: two runs that download the same file write the same bytes.

/** The file that a part belongs to. */
export interface PartOrigin {
  /** The address it is downloaded from. */
  readonly url: string
  /** The ETag or Last-Modified of the whole file, for If-Range. Without one a part cannot be resumed. */
  readonly validator: string
  /** Bytes of the whole file. */
  readonly bytes: number
}

/** The path of a file's part. */
export const partOf = (path: string): string => `${path}.part`

const noteOf = (path: string): string => `${partOf(path)}.json`

/**
 * Finds the part that an earlier run downloaded of a file, from the same address.
 * @returns its origin, and `done`, its bytes so far; undefined without a part that can be resumed
 * @throws KitError exit 12 when the part's folder cannot be searched
 */
export function findPart(path: string, url: string): (PartOrigin & { readonly done: number }) | undefined {
  const status = statusOf(partOf(path))
  if (status?.isFile() !== true) return undefined
  let note: Partial<Record<keyof PartOrigin, unknown>> | null
  try {
    note = JSON.parse(readIfThere(noteOf(path)) ?? 'null') as typeof note
  } catch {
    // Its record is truncated, or cannot be read: the file is downloaded from the beginning.
    return undefined
  }
  if (note?.url !== url || typeof note.validator !== 'string' || typeof note.bytes !== 'number')
    return undefined
  const origin = { url, validator: note.validator, bytes: note.bytes }
  return status.size > 0 && status.size <= origin.bytes ? { ...origin, done: status.size } : undefined
}

function statusOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch (cause) {
    throw diskError(path, cause)
  }
}

/** Removes the part of a file, and its record. @throws KitError exit 12 when one of them cannot be removed */
export function dropPart(path: string): void {
  removeFile(partOf(path))
  removeFile(noteOf(path))
}

/**
 * Opens the part of a file for writing, which only its owner may do (mode 0644).
 * @param origin undefined when the part could not be resumed: nothing is recorded then
 * @param from bytes of the part to keep; 0 replaces it by a new one
 * @throws KitError exit 12 when it cannot be opened, or it or its record cannot be replaced
 */
export async function openPart(
  path: string,
  origin: PartOrigin | undefined,
  from: number,
): Promise<FileHandle> {
  noteBegun(shownPath(partOf(path)))
  if (from === 0) {
    dropPart(path)
    if (origin !== undefined) writePrivate(noteOf(path), JSON.stringify(origin))
  }
  try {
    return await open(partOf(path), from === 0 ? 'wx' : 'r+', 0o644)
  } catch (cause) {
    throw diskError(partOf(path), cause)
  }
}

/**
 * True when the file system of `path` has space for so many more bytes.
 * @throws KitError exit 12 when the file system does not answer
 */
export function hasRoom(path: string, bytes: number): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path))
    return bavail * bsize >= bytes
  } catch (cause) {
    throw diskError(partOf(path), cause)
  }
}

/**
 * Renames a part that is complete and verified to its file, after fsync, and removes its record.
 * @param mode permissions of the file: 0o755
 * @throws KitError exit 12 when one of these fails
 */
export async function placePart(path: string, mode: number): Promise<void> {
  const part = partOf(path)
  try {
    const handle = await open(part, 'r+')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
    await chmod(part, mode)
    noteBegun(shownPath(path))
    await rename(part, path)
  } catch (cause) {
    throw diskError(path, cause)
  }
  removeFile(noteOf(path))
}
