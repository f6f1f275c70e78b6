import { homedir } from 'node:os'
import { $, chalk } from 'zx/core'
import { createCollector, inMebibytes, mostErrorBytes, mostOutputBytes } from './collect.mts'
import { endingWithParent } from './end-with-parent.mts'
import { exitCodes, KitError, messageOf } from './errors.mts'
import { interruption } from './signals.mts'
import { redact } from './sensitive.mts'

// The only importer of zx, which does all quoting: commands are arrays of words here, never text.
export { chalk }

/** How one command is run. */
export interface CommandOptions {
  /** Sent to the command's stdin, which is /dev/null without it. Sensitive values go here, never into words. */
  input?: string | undefined
  /** Seconds after which the command gets SIGTERM: 60 unless given. */
  timeoutSeconds?: number
  env?: Readonly<Record<string, string>>
  /** Runs the command also after Ctrl-C: for what a run must release, such as its lock. */
  runDespiteInterrupt?: boolean
}

/** The exit code and complete output of a command. */
export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a command and waits for its end. A non-zero exit code is returned, not thrown.
 * @param words program and arguments; no shell interprets them
 * @throws KitError exit 6 when the command does not end in time or another signal ends it, exit 9 when it writes more
 * than 64 MiB to stdout; Cancelled (130) or KitError exit 143 on a signal, unless `runDespiteInterrupt`
 */
export async function run(words: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const { input, timeoutSeconds = 60, env, runDespiteInterrupt = false } = options
  if (!runDespiteInterrupt) interruption.throwIfAsked()
  const tooMuch = new AbortController()
  const command = $({
    quiet: true,
    nothrow: true,
    detached: false,
    ...endingWithParent(),
    signal: runDespiteInterrupt ? tooMuch.signal : AbortSignal.any([tooMuch.signal, interruption.signal]),
    env: { ...surroundings(), ...env },
    timeout: `${timeoutSeconds}s`,
    store: keepNothing(),
    // A program that reads from an open stdin would hang.
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  })`exec ${[...words]}`
  const [stdout, stderr] = [createCollector(mostOutputBytes), createCollector(mostErrorBytes)]
  command.stdout.on('data', (piece: Buffer) => {
    if (!stdout.add(piece)) tooMuch.abort()
  })
  command.stderr.on('data', (piece: Buffer) => void stderr.add(piece))
  if (input) {
    // A program may end before it has read all its input (EPIPE): its exit code and stderr say why.
    command.stdin.on('error', () => {})
    command.stdin.end(input)
  }
  const output = await command
  if (!runDespiteInterrupt) interruption.throwIfAsked()
  if (tooMuch.signal.aborted) {
    throw new KitError(`${shownWords(words)}: more than ${inMebibytes(mostOutputBytes)} of output`, {
      exitCode: exitCodes.rolloutFailed,
      hint: 'run it by hand and see what it writes',
    })
  }
  if (output.exitCode === null) {
    throw new KitError(`${shownWords(words)}: no answer within ${timeoutSeconds} s`, {
      exitCode: exitCodes.unreachable,
    })
  }
  return { code: output.exitCode, stdout: stdout.text(), stderr: stderr.text() }
}

/**
 * The environment variables of every program the kit starts.
 * - HOME: systemd gives a service none, and kubectl would keep its cache in the folder the kit was started in.
 * - LC_ALL: the kit parses English messages of programs. KUBERC: the operator's own kubectl preferences change what a
 *   command does (kubectl 1.34: `delete --interactive` by default).
 * - KEYBUZZ_ variables hold passwords and tokens that only the kit itself may read: they are left out.
 */
export function surroundings(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(KEYBUZZ_|LC_|LANG(UAGE)?$)/.test(name))
  return { HOME: homedir(), ...Object.fromEntries(own), LC_ALL: 'C', KUBERC: 'off' }
}

/** A command as one line for operators and logs: words quoted where a shell needs it, sensitive values redacted. */
export const shownWords = (words: readonly string[]): string =>
  redact(words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`)).join(' '))

/** zx would keep all output of a command, also of a watch that runs for hours: the kit keeps a bounded part itself. */
function keepNothing(): { stdout: string[]; stderr: string[]; stdall: string[] } {
  const none = () => Object.assign([] as string[], { push: () => 0 })
  return { stdout: none(), stderr: none(), stdall: none() }
}

/** A command started by `stream`. */
export interface Streaming {
  /** Ends the command and waits for its end; `onEnd` is not called then. Safe to call twice. */
  stop(): Promise<void>
}

/**
 * Starts a command that runs until it is stopped, and passes on its stdout as it arrives.
 * @param onText gets each chunk of stdout, never cut within a character; an error it throws ends the command
 * @param onEnd called when the command ends without `stop`: its exit code (null when a signal or an error of onText
 * ended it) and the last 2000 characters of stderr, redacted, or the message of that error, not redacted
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
    store: keepNothing(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })`exec ${[...words]}`
  const decoder = new TextDecoder()
  const stderr = createCollector(mostErrorBytes)
  let stopped = false
  let unusable: string | undefined
  command.stderr.on('data', (piece: Buffer) => void stderr.add(piece))
  command.stdout.on('data', (piece: Buffer) => {
    if (unusable !== undefined) return
    try {
      onText(decoder.decode(piece, { stream: true }))
    } catch (thrown) {
      // An error of this listener would be uncaught: the process would end with a stack trace and keep its locks.
      unusable = messageOf(thrown)
      stopping.abort()
    }
  })
  const ended = command.then(({ exitCode }) => {
    if (stopped) return
    onEnd({
      code: unusable === undefined ? exitCode : null,
      stderr: unusable ?? redact(stderr.text()).slice(-2000),
    })
  })
  return {
    async stop() {
      stopped = true
      stopping.abort()
      await ended
    },
  }
}

let writes = 0

/**
 * Counts one write that has just been made. Tests of interrupted runs set KEYBUZZ_KILL_AFTER_WRITE to kill the kit
 * after that many writes, as a power failure would (DESIGN section 10).
 */
export function countWrite(): void {
  writes += 1
  if (process.env['KEYBUZZ_KILL_AFTER_WRITE'] === String(writes)) process.kill(process.pid, 'SIGKILL')
}
