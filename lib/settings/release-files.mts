import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { entriesIn } from '../base/entries.mts'
import { readIfThere } from '../base/files.mts'
import { fromRoot } from '../base/home.mts'

// Files of a release as they were downloaded, with its publisher's list of checksums in the same folder.

/**
 * An entry of versions.json with its `file`: where it has only `places`, the first of them that exists. Each access
 * looks for it again, since a step may download it meanwhile.
 * @param entry its `places` are relative to the kit's root folder, the preferred one first
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

/** `sha256sum-amd64.txt` of K3s; `SHA256SUMS` of others. Not the part of a download, unverified or truncated. */
const listName = /^(?!.*\.part(\.json)?$)sha256sums?(-[\w.]+)?(\.txt)?$/i

/** A list of checksums that names a file. */
interface Listed {
  /** Absolute path of the list. */
  readonly list: string
  readonly sha256: string
}

/**
 * Finds the list of checksums in a file's folder that names the file.
 * @param path absolute path of the file, which need not exist
 * @returns undefined when no list there names the file
 * @throws KitError exit 2 when the folder cannot be read, and for a list that cannot be read, has more than 4 MiB, or is
 * not UTF-8
 */
export function listBeside(path: string): Listed | undefined {
  const folder = dirname(path)
  const lists = entriesIn(folder).flatMap(({ name }) => (listName.test(name) ? [name] : []))
  for (const list of lists.toSorted().map((name) => join(folder, name))) {
    const sha256 = sumIn(readIfThere(list) ?? '', basename(path))
    if (sha256 !== undefined) return { list, sha256 }
  }
  return undefined
}

/** The sha256 of a file by a list in its folder. @param path an absolute path @throws KitError exit 2 as listBeside */
export const listedSum = (path: string): string | undefined => listBeside(path)?.sha256

/**
 * The sha256 of one file by the text of a list of checksums, as sha256sum writes it.
 * @param name of the file, without a folder
 * @returns 64 digits in lower case; undefined when the list does not name the file
 */
export function sumIn(text: string, name: string): string | undefined {
  for (const line of text.split(/\r?\n/)) {
    const [, sum, named] = /^([0-9a-f]{64})[ *]+(.+?)\s*$/i.exec(line) ?? []
    if (named === name) return sum?.toLowerCase()
  }
  return undefined
}
