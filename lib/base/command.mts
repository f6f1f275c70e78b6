import { homedir } from 'node:os'
import { $, chalk } from 'zx/core'
import { exitCodes, KitError } from './errors.mts'
import { endingWithParent } from './end-with-parent.mts'
import { interruption } from './signals.mts'
import { redact } from './sensitive.mts'

// The only importer of zx. Its quoting is left to it: commands are arrays of words here, never text.
export { chalk }

export interface CommandOptions {
  /** Sent to the command's stdin, which is closed otherwise. Sensitive values travel here, never in words. */
  input?: string | undefined
  /** Seconds after which the command is ended. */
  timeoutSeconds?: number
  env?: Readonly<Record<string, string>>
  /** Runs it also after Ctrl-C: the last words of a run. */
  evenInterrupted?: boolean
}

export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a command and waits for its end; a non-zero exit is an answer, not an error.
 * @throws KitError exit 6 when it does not end in time, exit 130 or 143 when the run is interrupted
 */
export async function run(words: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const { input, timeoutSeconds = 60, env, evenInterrupted = false } = options
  if (!evenInterrupted) interruption.throwIfAsked()
  const command = $({
    quiet: true,
    nothrow: true,
    detached: false,
    ...endingWithParent(),
    ...(evenInterrupted ? {} : { signal: interruption.signal }),
    env: { ...surroundings(), ...env },
    timeout: `${timeoutSeconds}s`,
    // An empty input counts as none to zx, and an open stdin hangs whatever reads it.
    ...(input ? { input } : { stdio: ['ignore', 'pipe', 'pipe'] as const }),
  })`exec ${[...words]}`
  const output = await command
  if (!evenInterrupted) interruption.throwIfAsked()
  if (output.exitCode === null) {
    throw new KitError(`${shownWords(words)}: no answer within ${timeoutSeconds} s`, {
      exitCode: exitCodes.unreachable,
    })
  }
  return { code: output.exitCode, stdout: output.stdout, stderr: output.stderr }
}

/**
 * The environment of every program the kit starts.
 * - HOME: systemd gives a service none, and kubectl would keep its cache in the folder the kit was started in.
 * - LC_ALL: the kit reads what programs say in English. KUBERC: the operator's own kubectl preferences change what a
 *   command does (kubectl 1.34: `delete --interactive` by default).
 * - KEYBUZZ_ variables hold passwords and tokens: they are the kit's own.
 */
export function surroundings(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(KEYBUZZ_|LC_|LANG(UAGE)?$)/.test(name))
  return { HOME: homedir(), ...Object.fromEntries(own), LC_ALL: 'C', KUBERC: 'off' }
}

/** A command as words for people and logs, without sensitive values. */
export const shownWords = (words: readonly string[]): string =>
  redact(words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`)).join(' '))

export interface Streaming {
  /** Ends the command. Safe to call twice. */
  stop(): Promise<void>
}

/**
 * Starts a command that goes on until it is stopped, and hands over its stdout as it comes.
 * @param onText a piece of stdout, cut anywhere but never within a character
 * @param onEnd  it ended by itself: its exit code and the end of its stderr
 */
export function stream(
  words: readonly string[],
  onText: (text: string) => void,
  onEnd: (finished: { code: number | null; stderr: string }) => void,
): Streaming {
  const stopping = new AbortController()
  const command = $({
    quiet: true,
    nothrow: true,
    detached: false,
    ...endingWithParent(),
    signal: stopping.signal,
    env: surroundings(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })`exec ${[...words]}`
  const decoder = new TextDecoder()
  command.stdout.on('data', (bytes: Buffer) => onText(decoder.decode(bytes, { stream: true })))
  const ended = command.then((output) => {
    if (!stopping.signal.aborted) onEnd({ code: output.exitCode, stderr: redact(output.stderr).slice(-2000) })
  })
  return {
    async stop() {
      stopping.abort()
      await ended
    },
  }
}

let writes = 0

/**
 * Counts one write that has just been made. Tests of interrupted runs set KEYBUZZ_KILL_AFTER_WRITE to end the
 * kit right there, as a power cut would (DESIGN section 10).
 */
export function countWrite(): void {
  writes += 1
  if (process.env['KEYBUZZ_KILL_AFTER_WRITE'] === String(writes)) process.kill(process.pid, 'SIGKILL')
}
