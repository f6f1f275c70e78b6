import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
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
export function lookAtDump(path: string): DumpFile | string {
  let handle: number | undefined
  try {
    handle = openSync(path, 'r')
    const facts = fstatSync(handle)
    if (!facts.isFile()) return 'is no file'
    if (facts.size === 0) return 'is empty: pg_dump failed'
    const first = Buffer.alloc(beginning.length)
    readSync(handle, first, 0, first.length, 0)
    if (first.toString('latin1') !== beginning) return 'is no dump in pg_dump’s custom format'
    return { madeAt: facts.mtime, bytes: facts.size }
  } catch (cause) {
    return hasCode(cause, 'ENOENT') ? 'is not there' : `cannot be read: ${messageOf(cause)}`
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}
