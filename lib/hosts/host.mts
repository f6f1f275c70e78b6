import { Readable } from 'node:stream'
import { exitCodes, KitError } from '../base/errors.mts'
import { createFiles, type Files } from './host-files.mts'
import { log } from '../base/log.mts'
import type { Sensitive } from '../base/sensitive.mts'
import { shownWords, type Finished } from '../base/command.mts'
import { beat } from './ssh-held-command.mts'
import type { Connection, RemoteOptions } from './ssh.mts'
import type { Writes } from '../base/writes.mts'

/** One machine, as its administrator. Readers always act; writers only record under --plan. */
export interface Host extends Files {
  readonly name: string
  readonly address: string
  /** Runs a command; a non-zero exit is an answer. */
  read(words: readonly string[], options?: RemoteOptions): Promise<Finished>
  /** Runs a command that changes the host. @throws KitError exit 9 with its own words when it fails */
  change(what: string, words: readonly string[], options?: RemoteOptions): Promise<void>
  /**
   * Waits until nothing works here any more that a run began which is gone: killed, or cut off from this host.
   * @throws KitError exit 11 when it does not end
   */
  quiet(): Promise<void>
  /**
   * Keeps other runs off: a lock the host frees when this run's connection is gone, or has been silent for a while.
   * @param onLost called when it is free although this run has not ended
   * @throws KitError exit 11 while another run has it
   */
  lock(path: string, onLost: () => void): Promise<void>
}

export interface HostOptions {
  readonly name: string
  readonly address: string
  readonly connection: Connection
  readonly writes: Writes
  /** Words before every command of somebody who is not root; the password goes first on stdin. */
  readonly sudo?: { readonly password: Sensitive | undefined } | undefined
}

/** Where locks are: root's alone. In a folder of everybody's any account could open one and hold it for ever. */
export const lockFolder = '/run/keybuzz-installer'

/**
 * Held by each command that changes a host, for as long as it works. A command goes on when its run is gone, and
 * the next run must not come in its way.
 */
const workFile = `${lockFolder}/work.lock`

/** flock with these words; /run is empty after each start of a machine. */
const flock = (...words: string[]): string[] => [
  'sh',
  '-c',
  `mkdir -p -m 700 ${lockFolder};exec flock "$@"`,
  'flock',
  ...words,
]

/** Seconds a command may work on after its run is gone: packages are installed, a machine's pods are ended. */
const workSeconds = 300

/**
 * Holds a lock until its stdin ends or has been silent for four beats: sshd does not learn of a link that died, and a
 * lock must not stay for the hours until the kernel gives the connection up. It says whether the host is quiet.
 */
const holder = `$|=1;open W,">>","${workFile}";print flock(W,6)?"quiet\\n":"busy\\n";close W;vec(my $r,0,1)=1;0 while select(my $s=$r,undef,undef,${(4 * beat) / 1000})>0 and sysread STDIN,$_,9`

export function createHost({ name, address, connection, writes, sudo }: HostOptions): Host {
  /** What stands before a command, and the line that goes before its input. */
  function sudoWords(): [words: string[], line?: string] {
    if (sudo === undefined) return [[]]
    if (sudo.password === undefined) return [['sudo', '-n', '--']]
    // -k: it asks whatever it remembers, so that the first line is never taken for the command's input.
    return [['sudo', '-k', '-S', '-p', '', '--'], `${sudo.password.reveal()}\n`]
  }

  function run(words: readonly string[], options: RemoteOptions = {}): Promise<Finished> {
    const [before, line] = sudoWords()
    const input = line === undefined ? options.input : withFirstLine(line, options.input)
    return connection.run([...before, ...words], { ...options, input })
  }

  async function must(what: string, words: readonly string[], options?: RemoteOptions): Promise<void> {
    const { code, stdout, stderr } = await run(flock('--shared', '--close', workFile, ...words), {
      shown: shownWords(words),
      ...options,
    })
    if (code === 0) return
    throw new KitError(`${name}: ${what} failed`, {
      exitCode: exitCodes.rolloutFailed,
      details: (stderr.trim() === '' ? stdout : stderr).trim().split('\n').slice(-6),
      hint: 'repair that on the host, then run the same command again: what was done stays done',
    })
  }

  /** Whoever holds its lock has looked already. */
  let seenQuiet = false
  return {
    name,
    address,
    read: run,
    ...createFiles({ name, writes, run, must }),
    change: (what, words, options) =>
      writes.make([{ sign: '~', what: `host ${name}: ${what}` }], () => must(what, words, options)),
    async quiet() {
      if (seenQuiet) return
      const waitFor = (seconds: number) =>
        run(flock('-w', String(seconds), '-E', '75', workFile, 'true'), { timeoutSeconds: seconds + 30 })
      if ((await waitFor(0)).code !== 75) return
      log.waiting(`${name}: waiting for what an interrupted run began there`)
      if ((await waitFor(workSeconds)).code !== 75) return
      throw new KitError(`${name}: what an interrupted run began has not ended within ${workSeconds} s`, {
        exitCode: exitCodes.locked,
        details: ['Nothing was written.'],
        hint: `see what it is: on ${name}, lslocks shows who holds ${workFile}; end it, or wait, then run again`,
      })
    },
    async lock(path, onLost) {
      const words = flock('-n', '-E', '75', path, 'perl', '-e', holder)
      const [before, firstLine] = sudoWords()
      const ended = await connection.runHeld([...before, ...words], { firstLine, onLost })
      if (ended === 'quiet' || ended === 'busy') {
        seenQuiet = ended === 'quiet'
        return
      }
      const taken = typeof ended !== 'string' && ended.code === 75
      const said = typeof ended === 'string' ? ended : ended.stderr.trim()
      throw new KitError(taken ? `another run works on ${name}` : `${name}: no lock: ${said}`, {
        exitCode: taken ? exitCodes.locked : exitCodes.rolloutFailed,
        details: ['Nothing was written.'],
        hint: 'wait until it has ended, then run the same command again',
      })
    },
  }
}

/** A password line before whatever the command itself reads. */
function withFirstLine(line: string, input: RemoteOptions['input']): string | Readable {
  if (input === undefined || typeof input === 'string') return `${line}${input ?? ''}`
  return Readable.from(
    (async function* () {
      yield Buffer.from(line)
      yield* input
    })(),
  )
}
