import { Readable } from 'node:stream'
import { exitCodes, KitError } from '../base/errors.mts'
import { createFiles, type Files } from './host-files.mts'
import { log } from '../base/log.mts'
import type { Sensitive } from '../base/sensitive.mts'
import { shownWords, type Finished } from '../base/command.mts'
import { beat } from './ssh-held-command.mts'
import type { Connection, RemoteOptions } from './ssh.mts'
import type { Writes } from '../base/writes.mts'
import { written } from '../base/written.mts'

export interface ChangeOptions extends RemoteOptions {
  /** Called with what a command that succeeded wrote to stderr, when there is any. */
  readonly onWarnings?: (text: string) => void
}

/** One host, as root. Readers always act; writers only record under --plan. */
export interface Host extends Files {
  readonly name: string
  readonly address: string
  /**
   * Runs a command; a non-zero exit is a result.
   * @throws KitError exit 3 when the sshd allows no session, exit 6 when the connection is lost or the command does not
   *   end within `timeoutSeconds` (60 unless given), exit 9 for more than 64 MiB of output, exit 130 or 143 on a signal
   */
  read(words: readonly string[], options?: RemoteOptions): Promise<Finished>
  /**
   * Runs a command that changes the host.
   * @param what the change in one phrase, for plan and messages: `installing K3s`
   * @throws KitError exit 9 with its last lines of output when it fails; exit 3, 6, 9, 130 or 143, see Host.read;
   *   what the gate throws (Writes.make)
   */
  change(what: string, words: readonly string[], options?: ChangeOptions): Promise<void>
  /**
   * Runs a command that takes back a change of this run: also after Ctrl-C, and without the gate, which asks a cluster
   * that may be what was broken.
   * @throws KitError exit 9 with its last lines of output when it fails; exit 3 or 6, see Host.read
   */
  undo(what: string, words: readonly string[]): Promise<void>
  /**
   * Waits until the commands of an earlier run, which was killed or lost its connection, have ended on this host.
   * @throws KitError exit 11 when they do not end within 300 s; exit 3, 6, 9, 130 or 143, see Host.read
   */
  quiet(): Promise<void>
  /**
   * Takes a lock that excludes other runs. The host releases it when this connection ends, or after 48 s without input.
   * @param path lock file on the host, below `lockFolder`
   * @param onLost called when the lock was released although this run has not closed the connection
   * @throws KitError exit 11 while another run has it, exit 9 when it cannot be taken; else as `read`
   */
  lock(path: string, onLost: () => void): Promise<void>
}

export interface HostOptions {
  readonly name: string
  readonly address: string
  readonly connection: Connection
  readonly writes: Writes
  /** Set when the SSH user is not root: every command runs under sudo, its password is the first line of stdin. */
  readonly sudo?: { readonly password: Sensitive | undefined } | undefined
}

/** Folder of the locks, for root only: in a world-writable folder any account could open a lock and keep it. */
export const lockFolder = '/run/keybuzz-installer'

/**
 * Locked (shared) by each command that changes a host, while it runs. A command continues when its run was killed, and
 * the next run must not work at the same time.
 */
const workFile = `${lockFolder}/work.lock`

/** The flock command with these arguments, after a mkdir: /run is empty after each boot. */
const flock = (...words: string[]): string[] => [
  'sh',
  '-c',
  `mkdir -p -m 700 ${lockFolder};exec flock "$@"`,
  'flock',
  ...words,
]

/** Seconds a command may continue after its run was killed: it may be installing packages or ending a node's pods. */
const workSeconds = 300

/** Seconds an undo may take: a run that was interrupted waits for it. */
const undoSeconds = 20

/**
 * A perl program that holds a lock until its stdin ends, or nothing has arrived there for four times `beat`: sshd does
 * not notice a dead connection, and a lock must not stay for the hours until the kernel drops the connection. Prints
 * `quiet`, or `busy` while a command of an earlier run is still running.
 */
const holder = `$|=1;open W,">>","${workFile}";print flock(W,6)?"quiet\\n":"busy\\n";close W;vec(my $r,0,1)=1;0 while select(my $s=$r,undef,undef,${(4 * beat) / 1000})>0 and sysread STDIN,$_,9`

/** A connected host. Nothing runs on it before the first call. */
export function createHost({ name, address, connection, writes, sudo }: HostOptions): Host {
  /** The words to put before a command (sudo), and the line to put before its stdin (the password). */
  function sudoWords(): [words: string[], line?: string] {
    if (sudo === undefined) return [[]]
    if (sudo.password === undefined) return [['sudo', '-n', '--']]
    // -k: sudo reads a password even when it has cached one, so the first line never reaches the command's stdin.
    return [['sudo', '-k', '-S', '-p', '', '--'], `${sudo.password.reveal()}\n`]
  }

  function run(words: readonly string[], options: RemoteOptions = {}): Promise<Finished> {
    const [before, line] = sudoWords()
    const input = line === undefined ? options.input : withFirstLine(line, options.input)
    return connection.run([...before, ...words], { ...options, input })
  }

  async function must(
    what: string,
    words: readonly string[],
    { onWarnings, ...options }: ChangeOptions = {},
  ): Promise<void> {
    const { code, stdout, stderr } = await run(flock('--shared', '--close', workFile, ...words), {
      shown: shownWords(words),
      ...options,
    })
    if (code === 0) {
      if (stderr.trim() !== '') onWarnings?.(stderr.trim())
      return
    }
    throw new KitError(`${name}: ${what} failed`, {
      exitCode: exitCodes.rolloutFailed,
      details: (stderr.trim() === '' ? stdout : stderr).trim().split('\n').slice(-6),
      hint: 'repair that on the host, then run the same command again: what was done stays done',
    })
  }

  /** True when `lock` has found that no command of an earlier run is running. */
  let seenQuiet = false
  return {
    name,
    address,
    read: run,
    ...createFiles({ name, writes, run, must }),
    change: (what, words, options) =>
      writes.make([{ sign: '~', what: `host ${name}: ${what}` }], () => must(what, words, options)),
    undo: (what, words) => must(what, words, { runDespiteInterrupt: true, timeoutSeconds: undoSeconds }),
    async quiet() {
      if (seenQuiet) return
      const waitFor = (seconds: number) =>
        run(flock('-w', String(seconds), '-E', '75', workFile, 'true'), { timeoutSeconds: seconds + 30 })
      if ((await waitFor(0)).code !== 75) return
      log.waiting(`${name}: waiting for what an interrupted run began there`)
      if ((await waitFor(workSeconds)).code !== 75) return
      throw new KitError(`${name}: what an interrupted run began has not ended within ${workSeconds} s`, {
        exitCode: exitCodes.locked,
        details: [written()],
        hint: `see what it is: on ${name}, lslocks shows who holds ${workFile}; end it, or wait, then run again`,
      })
    },
    async lock(path, onLost) {
      const words = flock('-n', '-E', '75', path, 'perl', '-e', holder)
      const [before, firstLine] = sudoWords()
      const ended = await connection.runHeld([...before, ...words], {
        firstLine,
        onLost,
        shown: 'taking the lock',
      })
      if (ended === 'quiet' || ended === 'busy') {
        seenQuiet = ended === 'quiet'
        return
      }
      const taken = typeof ended !== 'string' && ended.code === 75
      const said = typeof ended === 'string' ? ended : ended.stderr.trim()
      throw new KitError(taken ? `another run works on ${name}` : `${name}: no lock: ${said}`, {
        exitCode: taken ? exitCodes.locked : exitCodes.rolloutFailed,
        details: [written()],
        hint: taken
          ? 'wait until it has ended, then run the same command again'
          : `correct that on ${name}: flock and perl must be there, and root may run them; then run the same command again`,
      })
    },
  }
}

/** The stdin of a command, with the sudo password as its first line. */
function withFirstLine(line: string, input: RemoteOptions['input']): string | Readable {
  if (input === undefined || typeof input === 'string') return `${line}${input ?? ''}`
  return Readable.from(
    (async function* () {
      yield Buffer.from(line)
      yield* input
    })(),
  )
}
