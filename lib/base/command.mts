import { $, chalk, type ProcessOutput } from 'zx/core'
import { createCollector, inMebibytes, mostErrorBytes, mostOutputBytes } from './collect.mts'
import { endingWithParent } from './end-with-parent.mts'
import { exitCodes, KitError, messageOf } from './errors.mts'
import { homeFolder } from './home.mts'
import { interruption } from './signals.mts'
import { redact, shortened } from './sensitive.mts'

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
 * @throws KitError exit 6 when the command does not end in time; exit 9 when another signal ends it, or it writes more
 * than 64 MiB to stdout; exit 3 when it cannot be started; Cancelled (130) or KitError exit 143 on a signal to the kit,
 * unless `runDespiteInterrupt`
 */
export async function run(words: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const { input, timeoutSeconds = 60, env, runDespiteInterrupt = false } = options
  if (!runDespiteInterrupt) interruption.throwIfAsked()
  const tooMuch = new AbortController()
  let isLate = false
  const timer = setTimeout(() => (isLate = true), timeoutSeconds * 1000)
  const command = $({
    quiet: true,
    nothrow: true,
    detached: false,
    ...endingWithParent(),
    signal: runDespiteInterrupt ? tooMuch.signal : AbortSignal.any([tooMuch.signal, interruption.signal]),
    env: { ...surroundings(), ...env },
    timeout: `${timeoutSeconds * 1000}ms`,
    store: keepNothing(),
    // A program that reads from an open stdin would hang.
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  })`exec ${[...words]}`
  const [stdout, stderr] = [createCollector(mostOutputBytes), createCollector(mostErrorBytes)]
  // It has no streams when it could not be started.
  const streams: Partial<Pick<typeof command, 'stdin' | 'stdout' | 'stderr'>> = command
  streams.stdout?.on('data', (piece: Buffer) => {
    if (!stdout.add(piece)) tooMuch.abort()
  })
  streams.stderr?.on('data', (piece: Buffer) => void stderr.add(piece))
  if (input) {
    // A program may end before it has read all its input (EPIPE): its exit code and stderr say why.
    streams.stdin?.on('error', () => {}).end(input)
  }
  const output = await command
  clearTimeout(timer)
  if (!runDespiteInterrupt) interruption.throwIfAsked()
  if (tooMuch.signal.aborted) {
    throw new KitError(`${shownWords(words)}: more than ${inMebibytes(mostOutputBytes)} of output`, {
      exitCode: exitCodes.rolloutFailed,
      hint: 'run it by hand and see what it writes',
    })
  }
  if (output.exitCode === null) throw isLate ? late(words, timeoutSeconds) : cutOff(words, output)
  return { code: output.exitCode, stdout: stdout.text(), stderr: stderr.text() }
}

const late = (words: readonly string[], seconds: number): KitError =>
  new KitError(`${shownWords(words)}: no answer within ${seconds} s`, { exitCode: exitCodes.unreachable })

/** The error for a program without an exit code: a signal ended it, or it was not started. */
function cutOff(
  words: readonly string[],
  { signal, cause }: Pick<ProcessOutput, 'signal' | 'cause'>,
): KitError {
  const named = shortened(shownWords(words), 200)
  if (signal !== null)
    return new KitError(`${named}: it was ended by the signal ${signal}`, {
      exitCode: exitCodes.rolloutFailed,
      hint: 'someone ended it, or this machine ran out of memory: free -m; dmesg | grep -i "out of memory"; then run the same command again',
    })
  return new KitError(`${named}: this machine cannot start it: ${shortened(messageOf(cause), 200)}`, {
    exitCode: exitCodes.preflight,
    hint: 'look at the memory of this machine and its limits for processes and open files: free -m; ulimit -a; then run the same command again',
    cause,
  })
}

/**
 * The environment variables of every program the kit starts.
 * - HOME: systemd gives a service none, and kubectl would keep its cache in the folder the kit was started in. A user
 *   without a home gets one that does not exist, as Debian's nobody: kubectl then keeps no cache.
 * - LC_ALL: the kit parses English messages of programs. KUBERC: the operator's own kubectl preferences change what a
 *   command does (kubectl 1.34: `delete --interactive` by default).
 * - KEYBUZZ_ variables hold passwords and tokens that only the kit itself may read: they are left out.
 */
export function surroundings(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(KEYBUZZ_|LC_|LANG(UAGE)?$)/.test(name))
  return { HOME: homeFolder() ?? '/nonexistent', ...Object.fromEntries(own), LC_ALL: 'C', KUBERC: 'off' }
}

/** A command as one line for operators and logs: words quoted where a shell needs it, sensitive values redacted. */
export const shownWords = (words: readonly string[]): string =>
  redact(
    words
      .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`))
      .join(' '),
  )

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
