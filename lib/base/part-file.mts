import { lstatSync, statfsSync, type Stats } from 'node:fs'
import { chmod, open, rename, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { diskError, readIfThere, shownPath, writePrivate } from './files.mts'
import { removeFile } from './remove-file.mts'
import { noteBegun } from './written.mts'

// A file that is being fetched: NAME.part, and beside it NAME.part.json, which says of what it is a part. Its bytes are
// written at their place, never appended: two runs that fetch the same file write the same bytes.

/** What a part is a part of. */
export interface PartOrigin {
  /** The address it is fetched from. */
  readonly url: string
  /** The ETag or Last-Modified of the whole, for If-Range; without one it is fetched from the beginning. */
  readonly validator: string
  /** Bytes of the whole. */
  readonly bytes: number
}

/** The path of the part of a file. */
export const partOf = (path: string): string => `${path}.part`

const noteOf = (path: string): string => `${partOf(path)}.json`

/**
 * What was fetched of a file before, from the same address.
 * @returns undefined for nothing, and for a part that does not say of what it is one
 * @throws KitError exit 12 for a folder that may not be looked into
 */
export function findPart(path: string, url: string): (PartOrigin & { readonly done: number }) | undefined {
  const status = statusOf(partOf(path))
  if (status?.isFile() !== true) return undefined
  let note: Partial<Record<keyof PartOrigin, unknown>> | null
  try {
    note = JSON.parse(readIfThere(noteOf(path)) ?? 'null') as typeof note
  } catch {
    // Its note was cut with it, or is no text: it is fetched from the beginning.
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

/** Removes the part of a file, and its note. @throws KitError exit 12 when they cannot be removed */
export function dropPart(path: string): void {
  removeFile(partOf(path))
  removeFile(noteOf(path))
}

/**
 * Opens the part of a file to write to it; nobody else may write there.
 * @param origin undefined when it could not be resumed
 * @param from bytes that stay; 0 begins anew, in a new file
 * @throws KitError exit 12 when it cannot be made
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

/** True when the file system of `path` has room for so many bytes more. */
export function hasRoom(path: string, bytes: number): boolean {
  const { bavail, bsize } = statfsSync(dirname(path))
  return bavail * bsize >= bytes
}

/**
 * Gives a part that is whole and proven its name.
 * @param mode of the file
 * @throws KitError exit 12 when the disk does not take it
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
