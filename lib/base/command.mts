import { homedir } from 'node:os'
import { $, chalk } from 'zx/core'
import { createCollector, inMebibytes, mostErrorBytes, mostOutputBytes } from './collect.mts'
import { endingWithParent } from './end-with-parent.mts'
import { exitCodes, KitError } from './errors.mts'
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

/** zx keeps all output of each command: the kit bounds what is kept itself. */
function keepNothing(): { stdout: string[]; stderr: string[]; stdall: string[] } {
  const none = () => Object.assign([] as string[], { push: () => 0 })
  return { stdout: none(), stderr: none(), stdall: none() }
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
