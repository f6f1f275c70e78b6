import { Readable } from 'node:stream'
import { exitCodes, KitError } from '../base/errors.mts'
import { aborted, interruption } from '../base/signals.mts'
import type { Attempt } from './dialing.mts'
import { dial, drop, type Login, type Ssh } from './ssh-dial.mts'
import { mostOutputBytes } from '../base/collect.mts'
import { record } from '../base/log.mts'
import { shownWords, type Finished } from '../base/command.mts'
import { cutAt, errorsOf, framed, newMark } from './frame.mts'
import { requirePlainShell, type Raw } from './login-shell.mts'
import { createSessions, isSessionRefused } from './sessions.mts'
import { runHeld, type HeldOptions } from './ssh-held-command.mts'
import { lostLink, noAnswer, outputTooLong, sshTo, type Target } from './ssh-errors.mts'

// node-ssh's own quoting drops empty words: frame.mts has the kit's own.

export interface RemoteOptions {
  /** Sent to the command's stdin. Sensitive values travel here, never in words. */
  readonly input?: string | Readable | undefined
  readonly timeoutSeconds?: number
  /** The command as log and messages show it, in place of the words. */
  readonly shown?: string
  /** Runs to its end also after Ctrl-C: for what must not be left half done, and for its undo. */
  readonly runDespiteInterrupt?: boolean
}

export interface Connection {
  /** Runs a command; a non-zero exit is a result. @throws KitError exit 3, 6, 9, 130 or 143, see Host.read */
  run(words: readonly string[], options?: RemoteOptions): Promise<Finished>
  /**
   * Starts a command that runs until the connection closes, with a line on its stdin every `beat` milliseconds.
   * @returns the first line it prints, or its result when it ends without one
   * @throws KitError before that line: exit 9 for more than 1 MiB of output; exit 3, 6, 130 or 143, see Host.read
   */
  runHeld(words: readonly string[], options: HeldOptions): Promise<Finished | string>
  close(): void
}

/**
 * Opens the connection to one host, whose key must be a known one.
 * @param attempt when other hosts are connected meanwhile
 * @throws UnknownHost (7); KitError exit 2 for the private key, 3 for its login shell or MaxSessions, 6 without an
 *   answer, 7 for a changed or revoked host key, 8 for a refused login, 9 for too much output, 130 or 143 on a signal
 */
export async function connect(login: Login, attempt?: Attempt): Promise<Connection> {
  const ssh = await dial(login, attempt)
  // Without a listener an error of the connection would end the process; the running commands report it.
  ssh.connection?.on('error', (error) => record(`ssh ${login.name}: ${error.message}`))
  const mark = newMark()
  const sessions = createSessions(login)
  await requirePlainShell(login, mark, (command) =>
    sessions.open(() => raw(ssh, login, command, { shown: 'is it a plain shell?', evenCut: true })),
  ).catch((thrown: unknown) => {
    ssh.dispose()
    throw thrown
  })
  let closed = false
  const held = { exec: ssh.execCommand.bind(ssh), target: login, mark, end: () => drop(ssh) }
  return {
    run: (words, options = {}) => sessions.open(() => execute({ ssh, target: login, mark }, words, options)),
    runHeld: (words, { onLost, ...options }) =>
      sessions.open(() => runHeld(held, words, { ...options, onLost: () => closed || onLost() })),
    close() {
      closed = true
      ssh.dispose()
    },
  }
}

type Opened = Readonly<{ ssh: Ssh; target: Target; mark: string }>

/** Runs a command and returns its own output, without that of the login shell. */
async function execute(
  { ssh, target, mark }: Opened,
  words: readonly string[],
  { shown = shownWords(words), ...options }: RemoteOptions,
): Promise<Finished> {
  const started = performance.now()
  const { stdout, stderr } = await raw(ssh, target, framed(mark, words), { ...options, shown })
  const { code, inside } = cutAt(mark, stdout) ?? {}
  if (code === undefined || inside === undefined) {
    throw new KitError(`${target.name}: its answer is not whole: ${shown}`, {
      exitCode: exitCodes.unreachable,
      details: ['Whether it was done is unknown: the next run looks at the host before it does anything.'],
      hint: `look at the host: ${sshTo(target)}, then run the same command again`,
    })
  }
  record(`ssh ${target.name}: ${shown} -> ${code} (${Math.round(performance.now() - started)} ms)`)
  return { code, stdout: inside, stderr: errorsOf(mark, stderr) }
}

interface RawOptions extends RemoteOptions {
  readonly shown: string
  /** True to return what was printed when the session ends without an exit code. */
  readonly evenCut?: boolean
}

/** Runs a text in the login shell and waits for its end. */
async function raw(
  ssh: Ssh,
  target: Target,
  command: string,
  { input, timeoutSeconds = 60, shown, evenCut = false, runDespiteInterrupt = false }: RawOptions,
): Promise<Raw> {
  if (!runDespiteInterrupt) interruption.throwIfAsked()
  const over = new AbortController()
  const tooMuch = new AbortController()
  const timer = setTimeout(() => over.abort(), timeoutSeconds * 1000)
  let bytes = 0
  const count = (piece: Buffer) => {
    bytes += piece.length
    if (bytes > mostOutputBytes) tooMuch.abort()
  }
  try {
    const answer = await Promise.race([
      ssh.execCommand(command, {
        stdin: input ?? '',
        noTrim: true,
        // Decoded when it is complete: decoding each piece would cut characters.
        encoding: 'latin1',
        onStdout: count,
        onStderr: count,
      }),
      aborted(
        AbortSignal.any([over.signal, tooMuch.signal, ...(runDespiteInterrupt ? [] : [interruption.signal])]),
      ),
    ])
    if (answer === undefined) {
      drop(ssh)
      if (!runDespiteInterrupt) interruption.throwIfAsked()
      if (tooMuch.signal.aborted) throw outputTooLong(target, shown)
      throw noAnswer(target, shown, timeoutSeconds)
    }
    const { code, signal, stdout, stderr } = answer
    const isCut = code === null && signal === null
    if (isCut && !(evenCut && `${stdout}${stderr}`.trim() !== '')) throw lostLink(target, shown)
    return { stdout: fromLatin1(stdout), stderr: fromLatin1(stderr) }
  } catch (thrown) {
    if (thrown instanceof KitError || isSessionRefused(thrown)) throw thrown
    throw lostLink(target, shown)
  } finally {
    clearTimeout(timer)
  }
}

const fromLatin1 = (text: string): string => Buffer.from(text, 'latin1').toString('utf8')
