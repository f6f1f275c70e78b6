import { join } from 'node:path'
import { credentialsFolder, readIfThere, writePrivate } from '../base/files.mts'

// The checksum of each file that an environment trusts, and its source: credentials/ENV/trusted-files.json.

/** A file that is copied to the hosts of an environment, or a chart whose objects are applied. */
export interface TrustedFile {
  /** As operators type it: `artifacts/k3s`. */
  readonly file: string
  readonly sha256: string
  /** The source of the checksum: `pinned in versions.json`. */
  readonly known: string
}

const pathOf = (env: string): string => join(credentialsFolder(env), 'trusted-files.json')

/** The files recorded for an environment; empty when the record is missing or damaged: the next run writes it again. */
export function trustedFiles(env: string): TrustedFile[] {
  try {
    const read = JSON.parse(readIfThere(pathOf(env)) ?? '[]') as unknown
    return Array.isArray(read) ? read.filter(isRecord) : []
  } catch {
    return []
  }
}

function isRecord(one: unknown): one is TrustedFile {
  if (typeof one !== 'object' || one === null) return false
  const { file, sha256, known } = one as Partial<Record<keyof TrustedFile, unknown>>
  return [file, sha256, known].every((text) => typeof text === 'string')
}

/** True when this checksum of the file is recorded for the environment. */
export const wasTrusted = (env: string, { file, sha256 }: Pick<TrustedFile, 'file' | 'sha256'>): boolean =>
  trustedFiles(env).some((one) => one.file === file && one.sha256 === sha256)

/**
 * Replaces the record by these files, unless it has the same ones.
 * @param files `known` is undefined where this run only found a checksum file beside one: the source that an earlier
 *   run recorded for the same checksum stays
 * @throws KitError exit 12 when it cannot be written
 */
export function recordTrusted(
  env: string,
  files: readonly (Omit<TrustedFile, 'known'> & { readonly known: string | undefined })[],
): void {
  const before = trustedFiles(env)
  const now = files.map(({ file, sha256, known }): TrustedFile => {
    const same = before.find((one) => one.file === file && one.sha256 === sha256)
    return { file, sha256, known: known ?? same?.known ?? 'checksum file beside it' }
  })
  if (
    JSON.stringify(now) !== JSON.stringify(before.map(({ file, sha256, known }) => ({ file, sha256, known })))
  )
    writePrivate(pathOf(env), `${JSON.stringify(now, null, 2)}\n`)
}
