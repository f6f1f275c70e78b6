import { fstatSync, statSync, type Stats } from 'node:fs'
import { Socket } from 'node:net'
import { decode, mostFileBytes, openPipe, readPrivate, requirePrivate, shownPath } from '../base/files.mts'
import { exitCodes, hasCode, KitError } from '../base/errors.mts'
import { interruption } from '../base/signals.mts'

// The answers file: a file, or a pipe (`--answers <(program)`, /dev/stdin, a FIFO), which gives its text once.

/** Where the master hands a pipe's text on to each module's program: read once, it is empty for the next reader. */
export const handedOn = '/dev/fd/3'

/** The descriptor a path such as /dev/stdin names: it is read itself, for a socket cannot be opened by its path. */
function descriptorOf(path: string): number | undefined {
  const number = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(path === '/dev/stdin' ? '/dev/fd/0' : path)?.[1]
  return number === undefined ? undefined : Number(number)
}

/** What a path leads to; undefined when there is nothing. */
function statusOf(path: string): Stats | undefined {
  const descriptor = descriptorOf(path)
  try {
    return descriptor === undefined ? statSync(path) : fstatSync(descriptor)
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT', 'EBADF', 'ENOTDIR')) return undefined
    throw thrown
  }
}

/** True when the answers can be read only once. */
export function isPipe(path: string): boolean {
  const status = statusOf(path)
  return status !== undefined && (status.isFIFO() || status.isSocket())
}

/**
 * The text of an answers file.
 * @param path as typed behind --answers
 * @throws KitError exit 2 when there is none, others may read it, or it is no UTF-8; exit 130 or 143 while it waits for a
 * pipe's end
 */
export async function readAnswers(path: string): Promise<string> {
  const text = isPipe(path) ? await readPipe(path) : readPrivate(path)
  if (text !== undefined) return text
  throw new KitError(`there is no answers file ${path}`, {
    exitCode: exitCodes.usage,
    hint: 'check the path after --answers',
  })
}

/** Without a thread that is blocked: a signal ends the wait, whoever holds the other end. */
async function readPipe(path: string): Promise<string> {
  const fd = descriptorOf(path) ?? openPipe(path)
  const status = fstatSync(fd)
  // Nobody else can open a socket that has no name, whatever its mode says.
  if (!status.isSocket()) requirePrivate(path, status.mode)
  interruption.throwIfAsked()
  const pipe = new Socket({ fd, readable: true, writable: false })
  const stop = () => pipe.destroy()
  interruption.signal.addEventListener('abort', stop)
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of pipe) {
      bytes += (chunk as Buffer).length
      if (bytes > mostFileBytes) throw tooLong(path)
      chunks.push(chunk as Buffer)
    }
  } catch (cause) {
    interruption.throwIfAsked()
    throw cause
  } finally {
    interruption.signal.removeEventListener('abort', stop)
    pipe.destroy()
  }
  interruption.throwIfAsked()
  return decode(path, Buffer.concat(chunks))
}

const tooLong = (path: string): KitError =>
  new KitError(`${shownPath(path)} gives more than ${mostFileBytes / 1024 / 1024} MiB`, {
    exitCode: exitCodes.usage,
    hint: 'answers are a line for each setting: check the program that writes them',
  })
