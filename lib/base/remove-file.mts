import { rmSync } from 'node:fs'
import { exitCodes, hasCode, KitError, messageOf } from './errors.mts'
import { shownPath } from './files.mts'

/** Removes a file, which need not exist. @throws KitError exit 12 naming the file when it cannot be removed */
export function removeFile(path: string): void {
  try {
    rmSync(path)
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return
    throw new KitError(`cannot remove ${shownPath(path)}`, {
      exitCode: exitCodes.localDisk,
      details: [messageOf(cause), 'It is still there; what this run did before stays done.'],
      hint: `rm ${shownPath(path)}`,
      cause,
    })
  }
}
