import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { exitCodes, hasCode, KitError } from './errors.mts'
import { noteBegun } from './written.mts'

/** The kit's own root folder. */
export const root = join(import.meta.dirname, '../..')

/** Where one environment's settings, keys and kubeconfig are. */
export const credentialsFolder = (env: string): string => join(root, 'credentials', env)
/** Where one environment's reports are. */
export const validationFolder = (env: string): string => join(root, 'validation', env)
/** Where one environment's log files are. */
export const logsFolder = (env: string): string => join(root, 'logs', env)

/** A path as an operator types it: relative to the kit's root folder, or absolute outside it. */
export const shownPath = (path: string): string =>
  path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path

/**
 * Writes a file so that at every instant the old or the new content is there, complete, and readable by its
 * owner only: temporary file with mode 0600 in the same folder, fsync, rename, fsync of the folder.
 * @param named the file, or a symbolic link to it
 * @throws KitError exit 12 when it cannot be written; the old file is then still complete
 */
export function writePrivate(named: string, content: string): void {
  // A symbolic link stays one: its target is written.
  const path = existsSync(named) ? realpathSync(named) : named
  const folder = dirname(path)
  const prefix = `.${basename(path)}.tmp-`
  const temporary = join(folder, `${prefix}${randomBytes(6).toString('hex')}`)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    removeLeftovers(folder, prefix)
    // wx: never through an existing symbolic link.
    const handle = openSync(temporary, 'wx', 0o600)
    try {
      writeFileSync(handle, content)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    noteBegun(shownPath(path))
    renameSync(temporary, path)
    syncFolder(folder)
  } catch (cause) {
    try {
      rmSync(temporary, { force: true })
    } catch {
      // It must not hide why the file cannot be written: a later write removes what is left.
    }
    throw diskError(path, cause)
  }
}

/** Age in seconds from which a temporary file is taken for one that a killed run left. */
const leftoverSeconds = 600

function removeLeftovers(folder: string, prefix: string): void {
  for (const name of readdirSync(folder).filter((one) => one.startsWith(prefix))) {
    const path = join(folder, name)
    const { mtimeMs } = lstatSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() }
    if (Date.now() - mtimeMs > leftoverSeconds * 1000) rmSync(path, { force: true })
  }
}

/** The error for a file this machine could not write: KitError exit 12. @param cause a Node system error */
export function diskError(path: string, cause: unknown): KitError {
  const full = hasCode(cause, 'ENOSPC', 'EDQUOT')
  return new KitError(
    `cannot write ${shownPath(path)}: ${full ? 'the disk of this machine is full' : reasonOf(cause)}`,
    {
      exitCode: exitCodes.localDisk,
      details: ['The file as it was before is untouched.'],
      hint: full
        ? `free space on the disk of ${dirname(path)}, then run the same command again`
        : 'check the rights of that folder',
      cause,
    },
  )
}

const reasonOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason'

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** Most bytes of a file that is read: a hundred times what settings, keys and tables of machines have. */
export const mostFileBytes = 4 * 1024 * 1024

/**
 * Reads a file's text, or undefined when the file does not exist.
 * @throws KitError exit 2 when it cannot be read, is not a regular file, has more than 4 MiB, or is not UTF-8:
 * otherwise a password with an accent would be saved again as another one
 */
export const readIfThere = (path: string): string | undefined => readFile(path)?.text

/**
 * Reads a private file's text, or undefined when the file does not exist.
 * @throws KitError exit 2 when group or others have any right on it, and as readIfThere
 */
export function readPrivate(path: string): string | undefined {
  const file = readFile(path)
  if (file !== undefined) requirePrivate(path, file.mode)
  return file?.text
}

function readFile(path: string): { text: string; mode: number } | undefined {
  try {
    const handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const status = fstatSync(handle)
      // Reading a pipe would block the whole process: no signal would be handled any more.
      if (!status.isFile()) throw unreadable(path, 'it is not a file')
      if (status.size > mostFileBytes)
        throw unreadable(path, `it has more than ${mostFileBytes / 1024 / 1024} MiB`)
      return { text: decode(path, readFileSync(handle)), mode: status.mode }
    } finally {
      closeSync(handle)
    }
  } catch (cause) {
    if (cause instanceof KitError) throw cause
    if (hasCode(cause, 'ENOENT')) return undefined
    throw unreadable(path, reasonOf(cause), cause)
  }
}

const unreadable = (path: string, why: string, cause?: unknown): KitError =>
  new KitError(`cannot read ${shownPath(path)}: ${why}`, {
    exitCode: exitCodes.usage,
    hint: 'check that it is a file and that you may read it',
    cause,
  })

/** Opens a FIFO without waiting for its writer. @returns a descriptor @throws KitError exit 2 when this fails */
export function openPipe(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (cause) {
    throw unreadable(path, reasonOf(cause), cause)
  }
}

/** Decodes a file's bytes. @param path for the error @throws KitError exit 2 with the likely encoding when not UTF-8 */
export function decode(path: string, bytes: Buffer): string {
  const mark = bytes.subarray(0, 2).toString('hex')
  if (mark !== 'fffe' && mark !== 'feff') {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      // Reported with the encoding that its bytes suggest.
    }
  }
  const encoding = mark === 'fffe' || mark === 'feff' ? 'UTF-16' : 'WINDOWS-1252'
  const name = shownPath(path)
  throw new KitError(`${name} is not UTF-8: by its bytes it is ${encoding}`, {
    exitCode: exitCodes.usage,
    details: ['It was left as it is.'],
    hint: `iconv -f ${encoding} -t UTF-8 ${name} >${name}.utf8   and, when that reads right, move it over ${name} (mode 0600)`,
  })
}

/** Requires that only the owner has rights on a file. @param mode st_mode @throws KitError exit 2 when others have */
export function requirePrivate(path: string, mode: number): void {
  const rights = mode & 0o777
  if ((rights & 0o077) === 0) return
  throw new KitError(
    `${shownPath(path)} can be read by others (mode ${rights.toString(8).padStart(4, '0')})`,
    {
      exitCode: exitCodes.usage,
      details: ['It holds passwords.'],
      hint: `chmod 600 ${shownPath(path)}   and change the passwords in it if someone else uses this machine`,
    },
  )
}
