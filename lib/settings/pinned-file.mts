import { dirname } from 'node:path'
import { rememberedSha256Of } from '../base/remembered-sums.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { shownPath } from '../base/files.mts'
import { fromRoot } from '../base/home.mts'
import { lazily } from '../base/lazy.mts'
import { listedSum } from './release-files.mts'
import type { Version } from './versions.mts'

/** A file of this machine with the checksum it must have. */
export interface PinnedFile {
  /** Its absolute path. */
  readonly file: string
  readonly sha256: string
  /** Compares sha256, once per run. @throws KitError exit 3 when the file cannot be read, exit 7 when sha256 differs */
  readonly prove: () => Promise<void>
}

/**
 * The file that an entry of versions.json names, with the sha256 of that entry, else of a list of checksums beside the
 * file. Callers await `prove` before it is started or copied to a host.
 * @param name key of the entry, for errors
 * @returns undefined when the entry names no file
 * @throws KitError exit 7 without a valid sha256, exit 2 for a list that cannot be read or is not UTF-8
 */
export function pinnedFile(name: string, { file, ...entry }: Version): PinnedFile | undefined {
  if (file === undefined) return undefined
  const path = fromRoot(file)
  const sha256 = entry.sha256 ?? listedSum(path)
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new KitError(`versions.json: ${name} has a file and no checksum`, {
      exitCode: exitCodes.trust,
      hint: `put the publisher’s list beside it (${shownPath(dirname(path))}/sha256sum-amd64.txt), or add its sha256 to ${name}`,
    })
  }
  return { file: path, sha256, prove: lazily(() => prove(path, sha256)) }
}

async function prove(file: string, sha256: string): Promise<void> {
  let found: string
  try {
    found = await rememberedSha256Of(file)
  } catch (cause) {
    throw new KitError(`cannot read ${shownPath(file)}`, {
      exitCode: exitCodes.preflight,
      hint: 'put it there again, or correct "file" in versions.json',
      cause,
    })
  }
  if (found === sha256) return
  throw new KitError(`${shownPath(file)} is not the file versions.json names`, {
    exitCode: exitCodes.trust,
    details: [
      `sha256 wanted: ${sha256}`,
      `sha256 found: ${found}`,
      'It was neither started nor sent to a host.',
    ],
    hint: 'download it again and compare with the publisher’s list',
  })
}
