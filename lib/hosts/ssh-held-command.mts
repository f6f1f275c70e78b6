import { Readable } from 'node:stream'
import type { Finished } from '../base/command.mts'

/** How a command is run on a connection that is open, its output told as it comes. */
type Exec = (
  program: string,
  words: string[],
  options: { stream: 'both'; stdin: Readable; onStdout: (said: Buffer) => void },
) => Promise<{ code: number | null; stdout: string; stderr: string }>

export interface HoldOptions {
  readonly firstLine?: string | undefined
  /** Called when it ends although nobody closed the connection. */
  readonly onLost: () => unknown
}

/** Milliseconds between the signs of life a held command gets. */
export const beat = 12_000

/** As `Connection.hold`. Not counted among the channels: it is the one more that MaxSessions 4 has. */
export function hold(
  exec: Exec,
  words: readonly string[],
  { firstLine = '', onLost }: HoldOptions,
): Promise<Finished | string> {
  const [program = '', ...rest] = words
  // A stdin that never ends: the far side sees its end only when the connection is gone.
  const stdin = new Readable({ read() {} })
  stdin.push(firstLine)
  const beating = setInterval(() => stdin.push('\n'), beat).unref()
  let held = false
  return new Promise((resolve, reject) => {
    const onStdout = (said: Buffer) => {
      held = true
      resolve(said.toString().trim())
    }
    exec(program, rest, { stream: 'both', stdin, onStdout })
      .then(({ code, stdout, stderr }) => resolve({ code: code ?? 128, stdout, stderr }), reject)
      .finally(() => {
        clearInterval(beating)
        if (held) onLost()
      })
  })
}
