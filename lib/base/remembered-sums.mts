import { statSync } from 'node:fs'
import { sha256Of } from './checksum.mts'
import { readOwnRecord, recordPath, writeOwnRecord } from './own-record.mts'

// Checksums of large files of this machine: while a file has the same inode, size and time of change, it is not read
// again.

/** What is recorded of a file: its checksum, and its identity at that time. */
type Sums = Readonly<Record<string, { readonly sha256: string; readonly is: string }>>

const usualRecord = recordPath('sums.json')

/** A change within this many milliseconds before a look may be followed by another with the same time. */
const settledMilliseconds = 2000

/**
 * The identity of a file: device, inode, size, and when its content, owner or mode was changed last (ctime), in
 * nanoseconds. On a local file system no program sets that time: a file of the same size with its old mtime set back has
 * another.
 * @throws the error of the file system
 */
export function identityOf(file: string): { is: string; changedMilliseconds: number } {
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
  const known = sumsIn(readOwnRecord(record))[file]
  if (known?.is === before.is) return known.sha256
  const sha256 = await sha256Of(file)
  const isSettled = Date.now() - before.changedMilliseconds > settledMilliseconds
  if (isSettled && identityOf(file).is === before.is)
    writeOwnRecord(record, { ...sumsIn(readOwnRecord(record)), [file]: { sha256, is: before.is } })
  return sha256
}

/** The sums of a record; empty for another value. Pure. */
function sumsIn(read: unknown): Sums {
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
