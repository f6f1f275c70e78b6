import { Readable } from 'node:stream'
import { shownWords, type Finished } from '../base/command.mts'
import { aborted, interruption } from '../base/signals.mts'
import { cutAt, errorsOf, framed } from './frame.mts'
import { isSessionRefused } from './sessions.mts'
import { lostLink, noAnswer, outputTooLong, type Target } from './ssh-errors.mts'

/** Runs a command on an open connection and passes on its output as it arrives. */
type Exec = (
  command: string,
  options: {
    stdin: Readable
    onStdout: (piece: Buffer) => void
    onStderr: (piece: Buffer) => void
    noTrim: true
  },
) => Promise<{ stdout: string; stderr: string; code: number | null; signal: string | null }>

/** An open connection, for a command that runs until it is closed. */
export interface HeldOn {
  readonly exec: Exec
  readonly target: Target
  /** From `newMark`. */
  readonly mark: string
  /** Ends the connection at once. */
  readonly end: () => void
}

export interface HeldOptions {
  /** Sent to its stdin before everything else, with its line end: the sudo password. */
  readonly firstLine?: string | undefined
  /** The command as messages show it, in place of the words. */
  readonly shown?: string
  /** Seconds until its first line: 60 unless given. */
  readonly timeoutSeconds?: number
  /** Called when the command ends although this side has not closed the connection. */
  readonly onLost: () => unknown
}

/** Milliseconds between two lines on the stdin of a held command, which prove that this run is alive. */
export const beat = 12_000

/** Bytes of output a held command may write in all, a greeting of the login shell included. */
export const mostHeldBytes = 1024 * 1024

/**
 * As `Connection.runHeld`. It holds one session for the rest of the connection, beside those of other commands.
 * @throws KitError exit 6, 9, 130 or 143, see Connection.runHeld; the SSH library's error when a session is refused
 */
export async function runHeld(
  { exec, target, mark, end }: HeldOn,
  words: readonly string[],
  { firstLine = '', shown = shownWords(words), timeoutSeconds = 60, onLost }: HeldOptions,
): Promise<Finished | string> {
  interruption.throwIfAsked()
  // A stdin that never ends: the host sees its end only when the connection is closed.
  const stdin = new Readable({ read() {} })
  stdin.push(firstLine)
  const beating = setInterval(() => stdin.push('\n'), beat).unref()
  const over = new AbortController()
  const timer = setTimeout(() => over.abort(), timeoutSeconds * 1000)
  const told = new AbortController()
  let held: string | undefined
  let refused: unknown
  let said = ''
  let bytes = 0
  const count = (piece: Buffer): void => {
    bytes += piece.length
    if (bytes > mostHeldBytes) end()
  }
  const onStdout = (piece: Buffer): void => {
    count(piece)
    if (held !== undefined || bytes > mostHeldBytes) return
    said += piece.toString()
    held = /^.*(?=\n)/.exec(cutAt(mark, said)?.inside ?? '')?.[0]
    if (held !== undefined) told.abort()
  }
  const ended = exec(framed(mark, words), { stdin, onStdout, onStderr: count, noTrim: true })
    .catch((thrown: unknown) => {
      refused = isSessionRefused(thrown) ? thrown : undefined
    })
    .finally(() => {
      clearInterval(beating)
      if (held !== undefined) onLost()
    })
  const waits = AbortSignal.any([over.signal, told.signal, interruption.signal])
  const finished = await Promise.race([ended, aborted(waits)])
  clearTimeout(timer)
  if (held !== undefined) return held
  if (refused !== undefined) throw refused
  if (finished === undefined) end()
  interruption.throwIfAsked()
  if (bytes > mostHeldBytes) throw outputTooLong(target, shown, mostHeldBytes)
  if (over.signal.aborted) throw noAnswer(target, shown, timeoutSeconds)
  const { code, inside } = cutAt(mark, finished?.stdout ?? '') ?? {}
  if (finished === undefined || code === undefined || inside === undefined) throw lostLink(target, shown)
  return { code, stdout: inside, stderr: errorsOf(mark, finished.stderr) }
}
