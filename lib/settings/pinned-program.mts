import { accessSync, chmodSync, constants } from 'node:fs'
import { exitCodes, KitError } from '../base/errors.mts'
import { shownPath } from '../base/files.mts'
import type { PinnedFile } from './pinned-file.mts'

const isRunnable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Prepares a program of this machine for its start: compares it with its checksum, then makes it executable. Programs
 * of a release are not executable when they were downloaded (mode 0644).
 * @returns its absolute path
 * @throws KitError exit 3 when it cannot be read or made executable, or its file system is mounted with noexec; exit 7
 * when its sha256 differs
 */
export async function runnable({ file, prove }: PinnedFile): Promise<string> {
  await prove()
  if (isRunnable(file)) return file
  try {
    chmodSync(file, 0o755)
  } catch (cause) {
    throw new KitError(`${shownPath(file)} is not executable`, {
      exitCode: exitCodes.preflight,
      details: ['Its checksum is right. It belongs to another user, or its file system is read-only.'],
      hint: `chmod 0755 ${file}   as its owner, then run the same command again`,
      cause,
    })
  }
  if (isRunnable(file)) return file
  throw new KitError(`${shownPath(file)} cannot be run from its file system`, {
    exitCode: exitCodes.preflight,
    details: ['It is executable, and the file system is mounted with noexec.'],
    hint: 'put it on another file system and write the path into versions.json, or set KEYBUZZ_KUBECTL to a kubectl of the cluster’s version',
  })
}
