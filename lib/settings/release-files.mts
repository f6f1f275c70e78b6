import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fromRoot, readIfThere } from '../base/files.mts'

// Files of a release as they were downloaded: each beside the list of checksums that its publisher gives with it.

/** The first of these paths that is there. @param places paths from the kit's root folder, the preferred one first */
export const firstThere = (places: readonly string[]): string | undefined =>
  places.find((place) => existsSync(fromRoot(place)))

/** `sha256sum-amd64.txt` of K3s; `SHA256SUMS` of others. */
const listName = /^sha256sums?(-[\w.]+)?(\.txt)?$/i

/**
 * The sha256 of a file by a list of checksums beside it.
 * @param path an absolute path
 * @returns undefined when no list beside it names the file
 * @throws KitError exit 2 for a list that is not text
 */
export function listedSum(path: string): string | undefined {
  const folder = dirname(path)
  const lists = existsSync(folder) ? readdirSync(folder).filter((name) => listName.test(name)) : []
  for (const list of lists.toSorted()) {
    for (const line of (readIfThere(join(folder, list)) ?? '').split(/\r?\n/)) {
      const [, sum, name] = /^([0-9a-f]{64})[ *]+(.+?)\s*$/i.exec(line) ?? []
      if (name === basename(path)) return sum?.toLowerCase()
    }
  }
  return undefined
}
