import { Readable } from 'node:stream'
import type { Finished } from '../base/command.mts'
import { cutAt, errorsOf, framed } from './frame.mts'

/** How a command is run on a connection that is open, its output told as it comes. */
type Exec = (
  command: string,
  options: { stdin: Readable; onStdout: (said: Buffer) => void; noTrim: true },
) => Promise<{ stdout: string; stderr: string }>

export interface HeldOptions {
  readonly firstLine?: string | undefined
  /** Called when it ends although nobody closed the connection. */
  readonly onLost: () => unknown
}

/** Milliseconds between the signs of life a held command gets. */
export const beat = 12_000

/** As `Connection.runHeld`. Not counted among the channels: it is the one more that MaxSessions 4 has. */
export function runHeld(
  exec: Exec,
  mark: string,
  words: readonly string[],
  { firstLine = '', onLost }: HeldOptions,
): Promise<Finished | string> {
  // A stdin that never ends: the far side sees its end only when the connection is gone.
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
