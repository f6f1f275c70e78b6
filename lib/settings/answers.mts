import { fstatSync, statSync, type Stats } from 'node:fs'
import { Socket } from 'node:net'
import { decode, mostFileBytes, openPipe, readPrivate, requirePrivate, shownPath } from '../base/files.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { interruption } from '../base/signals.mts'

// The answers file: a file, or a pipe (`--answers <(program)`, /dev/stdin, a FIFO), which can be read only once.

/** The texts of pipes that were read, by their paths as typed: every module of a run gets the same answers. */
const taken = new Map<string, string>()

/** The file descriptor a path such as /dev/stdin names: it is read directly, since a socket has no path to open. */
function descriptorOf(path: string): number | undefined {
  const number = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(path === '/dev/stdin' ? '/dev/fd/0' : path)?.[1]
  return number === undefined ? undefined : Number(number)
}

/** The stat of a path or descriptor; undefined when it does not exist. */
function statusOf(path: string): Stats | undefined {
  const descriptor = descriptorOf(path)
  try {
    return descriptor === undefined ? statSync(path) : fstatSync(descriptor)
  } catch (thrown) {
    // Not reported here: reading the file fails for the same reason, and that error names the file.
    if (thrown instanceof Error) return undefined
    throw thrown
  }
}

/** True when the answers file is a FIFO or socket: it can be read only once. @param path as typed after --answers */
function isPipe(path: string): boolean {
  const status = statusOf(path)
  return status !== undefined && (status.isFIFO() || status.isSocket())
}

/**
 * Reads the text of an answers file; that of a pipe once, however often it is asked for.
 * @param path as typed after --answers
 * @throws KitError exit 2 when it does not exist or cannot be read, group or others have any right on it, it has more
 * than 4 MiB, or it is not UTF-8; Cancelled (130) or KitError exit 143 on a signal while a pipe is read
 */
export async function readAnswers(path: string): Promise<string> {
  const known = taken.get(path)
  if (known !== undefined) return known
  const piped = isPipe(path)
  const text = piped ? await readPipe(path) : readPrivate(path)
  if (text !== undefined) {
    if (piped) taken.set(path, text)
    return text
  }
  throw new KitError(`there is no answers file ${path}`, {
    exitCode: exitCodes.usage,
    hint: 'check the path after --answers',
  })
}

/** Reads a pipe asynchronously: a signal ends the wait even while the writer keeps its end open. */
async function readPipe(path: string): Promise<string> {
  const fd = descriptorOf(path) ?? openPipe(path)
  const status = fstatSync(fd)
  // A socket without a path cannot be opened by others, whatever its mode is.
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
