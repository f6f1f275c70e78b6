import { readdirSync, type Dirent } from 'node:fs'
import { exitCodes, hasCode, KitError, messageOf } from './errors.mts'
import { shownPath } from './files.mts'

/** The entries of a folder; none when it does not exist. @throws KitError exit 2 naming it when it cannot be read */
export function entriesIn(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return []
    throw new KitError(`${shownPath(folder)} cannot be read`, {
      exitCode: exitCodes.usage,
      details: [messageOf(cause)],
      hint: 'check that it is a folder and that you may read it',
      cause,
    })
  }
}
