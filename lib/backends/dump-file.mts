import { open, type FileHandle } from 'node:fs/promises'
import { hasCode, messageOf } from '../base/errors.mts'

/** A file that pg_dump wrote. */
export interface DumpFile {
  /** When it was written last. */
  readonly madeAt: Date
  readonly bytes: number
}

/** The first bytes of pg_dump's custom format, which `databaseDump` asks for. */
const beginning = 'PGDMP'

/**
 * Looks at a dump that the operator made. That it is complete only a restore can tell: an interrupted pg_dump begins
 * alike.
 * @returns what is wrong, to follow the file's name in a sentence, when it is no dump
 */
export async function lookAtDump(path: string): Promise<DumpFile | string> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    const facts = await handle.stat()
    if (!facts.isFile()) return 'is no file'
    if (facts.size === 0) return 'is empty: pg_dump failed'
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(beginning.length), 0, beginning.length, 0)
    if (buffer.toString('latin1', 0, bytesRead) !== beginning) return 'is no dump in pg_dump’s custom format'
    return { madeAt: facts.mtime, bytes: facts.size }
  } catch (cause) {
    return hasCode(cause, 'ENOENT') ? 'is not there' : `cannot be read: ${messageOf(cause)}`
  } finally {
    await handle?.close()
  }
}
