import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fromRoot, readIfThere } from '../base/files.mts'

// Files of a release as they were downloaded: each beside the list of checksums that its publisher gives with it.

/**
 * An entry of versions.json with its file: where it only says where that may be, the first of these places that is there.
 * It is looked for whenever it is asked: a step may fetch it.
 * @param entry with places from the kit's root folder, the preferred one first
 */
export function located<
  T extends { readonly file?: string | undefined; readonly places?: readonly string[] },
>(entry: T): T {
  const { file, places } = entry
  if (file !== undefined || places === undefined) return entry
  return {
    ...entry,
    get file() {
      return places.find((place) => existsSync(fromRoot(place)))
    },
  }
}

/** `sha256sum-amd64.txt` of K3s; `SHA256SUMS` of others. Not one that is being fetched: it is not proven, or was cut. */
const listName = /^(?!.*\.part(\.json)?$)sha256sums?(-[\w.]+)?(\.txt)?$/i

/** A list of checksums that names a file. */
interface Listed {
  /** Absolute path of the list. */
  readonly list: string
  readonly sha256: string
}

/**
 * The list of checksums beside a file that names it.
 * @param path an absolute path
 * @returns undefined when no list beside it names the file
 * @throws KitError exit 2 for a list that is not text
 */
export function listBeside(path: string): Listed | undefined {
  const folder = dirname(path)
  const lists = existsSync(folder) ? readdirSync(folder).filter((name) => listName.test(name)) : []
  for (const list of lists.toSorted().map((name) => join(folder, name))) {
    const sha256 = sumIn(readIfThere(list) ?? '', basename(path))
    if (sha256 !== undefined) return { list, sha256 }
  }
  return undefined
}

/** The sha256 of a file by a list of checksums beside it. @param path an absolute path @throws as listBeside */
export const listedSum = (path: string): string | undefined => listBeside(path)?.sha256

/**
 * The sha256 of one file by the text of a list of checksums, as sha256sum writes it.
 * @param name of the file, without a folder
 * @returns undefined when it does not name the file
 */
export function sumIn(text: string, name: string): string | undefined {
  for (const line of text.split(/\r?\n/)) {
    const [, sum, named] = /^([0-9a-f]{64})[ *]+(.+?)\s*$/i.exec(line) ?? []
    if (named === name) return sum?.toLowerCase()
  }
  return undefined
}
