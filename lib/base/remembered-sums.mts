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
  statSync,
  writeFileSync,
  type Stats,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { sha256Of } from './checksum.mts'
import { root } from './files.mts'

// Checksums of large files of this machine: while a file has the same inode, size and time of change, it is not read
// again. The record lies among the kit's own packages: whoever may write there may change the kit itself.

/** What is recorded of a file: its checksum, and its identity at that time. */
type Sums = Readonly<Record<string, { readonly sha256: string; readonly is: string }>>

const usualRecord = join(root, 'node_modules/.keybuzz/sums.json')

/** A change within this many milliseconds before a look may be followed by another with the same time. */
const settledMilliseconds = 2000

/**
 * The identity of a file: device, inode, size, and when its content, owner or mode was changed last (ctime), in
 * nanoseconds. On a local file system no program sets that time: a file of the same size with its old mtime set back has
 * another.
 */
function identityOf(file: string): { is: string; changedMilliseconds: number } {
  const { dev, ino, size, ctimeNs } = statSync(file, { bigint: true })
  return { is: [dev, ino, size, ctimeNs].join(':'), changedMilliseconds: Number(ctimeNs / 1_000_000n) }
}

/**
 * The sha256 of a file, 64 hexadecimal digits: as recorded while the file is the same one, else read.
 * @param record path of the record, in a folder that is this user's alone to write
 * @throws the error of the file system when the file cannot be read; a record that cannot be read or written is none
 */
export async function rememberedSha256Of(file: string, record = usualRecord): Promise<string> {
  const before = identityOf(file)
  const known = recorded(record)[file]
  if (known?.is === before.is) return known.sha256
  const sha256 = await sha256Of(file)
  const isSettled = Date.now() - before.changedMilliseconds > settledMilliseconds
  if (isSettled && identityOf(file).is === before.is) remember(record, file, { sha256, is: before.is })
  return sha256
}

/** True for what no other user may have written. */
const isOwn = ({ mode, uid }: Stats): boolean => (mode & 0o022) === 0 && uid === process.getuid?.()

/** The record; empty when there is none, it is damaged, or another user may have written it. */
function recorded(record: string): Sums {
  try {
    if (!isOwn(lstatSync(dirname(record)))) return {}
    const handle = openSync(record, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const status = fstatSync(handle)
      return status.isFile() && isOwn(status) ? sumsIn(readFileSync(handle, 'utf8')) : {}
    } finally {
      closeSync(handle)
    }
  } catch {
    return {}
  }
}

/** Pure. @throws SyntaxError for what is no JSON */
function sumsIn(text: string): Sums {
  const read = JSON.parse(text) as unknown
  if (typeof read !== 'object' || read === null) return {}
  const entries = Object.entries(read as Record<string, { sha256?: unknown; is?: unknown } | null>)
  return Object.fromEntries(
    entries.flatMap(([file, one]) =>
      typeof one?.is === 'string' && typeof one.sha256 === 'string'
        ? [[file, { sha256: one.sha256, is: one.is }]]
        : [],
    ),
  )
}

/** Without a record the file is read by each run: nothing of it ends one. */
function remember(record: string, file: string, one: Sums[string]): void {
  const temporary = `${record}.${process.pid}`
  try {
    if (!existsSync(dirname(record))) mkdirSync(dirname(record), { mode: 0o700 })
    // In a folder of others the name could be their link.
    if (!isOwn(lstatSync(dirname(record)))) return
    writeFileSync(temporary, JSON.stringify({ ...recorded(record), [file]: one }), { mode: 0o600 })
    renameSync(temporary, record)
  } catch {
    // As on a read-only disk.
  }
}
