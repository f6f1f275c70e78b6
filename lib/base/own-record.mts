import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  type Stats,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './files.mts'

// Records of this machine that only save time. They lie among the kit's own packages: whoever may write there may change
// the kit itself.

/** The path of a record of this kit. */
export const recordPath = (name: string): string => join(root, 'node_modules/.keybuzz', name)

/** True for what no other user may have written. */
const isOwn = ({ mode, uid }: Stats): boolean => (mode & 0o022) === 0 && uid === process.getuid?.()

/** The JSON value of a record; undefined when there is none, it is damaged, or another user may have written it. */
export function readOwnRecord(record: string): unknown {
  try {
    if (!isOwn(lstatSync(dirname(record)))) return undefined
    const handle = openSync(record, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const status = fstatSync(handle)
      return status.isFile() && isOwn(status) ? JSON.parse(readFileSync(handle, 'utf8')) : undefined
    } finally {
      closeSync(handle)
    }
  } catch {
    return undefined
  }
}

/** Writes a record, mode 0600, and its folder. Never throws: without a record more is done anew. @param value JSON */
export function writeOwnRecord(record: string, value: unknown): void {
  const temporary = `${record}.${process.pid}`
  try {
    if (!existsSync(dirname(record))) mkdirSync(dirname(record), { mode: 0o700 })
    // In a folder of others the name could be their link.
    if (!isOwn(lstatSync(dirname(record)))) return
    writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 })
    renameSync(temporary, record)
  } catch {
    // As on a read-only disk.
  }
}
