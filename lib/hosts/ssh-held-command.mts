import { Readable } from 'node:stream'
import type { Finished } from '../base/command.mts'
import { cutAt, errorsOf, framed } from './frame.mts'

/** Runs a command on an open connection and passes on its stdout as it arrives. */
type Exec = (
  command: string,
  options: { stdin: Readable; onStdout: (said: Buffer) => void; noTrim: true },
) => Promise<{ stdout: string; stderr: string }>

export interface HeldOptions {
  readonly firstLine?: string | undefined
  /** Called when the command ends although this side has not closed the connection. */
  readonly onLost: () => unknown
}

/** Milliseconds between two lines on the stdin of a held command, which prove that this run is alive. */
export const beat = 12_000

/**
 * As `Connection.runHeld`. It holds one session for the rest of the connection, beside those of other commands.
 * @param mark from `newMark`
 */
export function runHeld(
  exec: Exec,
  mark: string,
  words: readonly string[],
  { firstLine = '', onLost }: HeldOptions,
): Promise<Finished | string> {
  // A stdin that never ends: the host sees its end only when the connection is closed.
  const stdin = new Readable({ read() {} })
  stdin.push(firstLine)
  const beating = setInterval(() => stdin.push('\n'), beat).unref()
  let held = false
  return new Promise((resolve, reject) => {
    let said = ''
    const onStdout = (piece: Buffer) => {
      if (held) return
      said += piece.toString()
      const line = /^.*(?=\n)/.exec(cutAt(mark, said)?.inside ?? '')
      if (line === null) return
      held = true
      resolve(line[0])
    }
    exec(framed(mark, words), { stdin, onStdout, noTrim: true })
      .then(({ stdout, stderr }) => {
        const { code = 128, inside = '' } = cutAt(mark, stdout) ?? {}
        resolve({ code, stdout: inside, stderr: errorsOf(mark, stderr) })
      }, reject)
      .finally(() => {
        clearInterval(beating)
        if (held) onLost()
      })
  })
}
