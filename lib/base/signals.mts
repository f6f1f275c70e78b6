import { setMaxListeners } from 'node:events'
import { Cancelled, exitCodes, KitError } from './errors.mts'

/**
 * Ctrl-C, SIGTERM and a closed terminal (SIGHUP), handled once for the whole process: `signal` ends commands under way,
 * `throwIfAsked` ends waits, and the only catch, in cli/program.mts, turns the error into exit 130 or 143.
 */
const controller = new AbortController()
// Every running command adds a listener: many at once are no leak, and Node shall not warn of one.
setMaxListeners(0, controller.signal)
let asked: NodeJS.Signals | undefined
let failure: { readonly thrown: unknown } | undefined
let listening = false

export const interruption = {
  /** Aborted by the first signal, and by `failWith`. */
  signal: controller.signal,

  /**
   * Installs the signal handlers; later calls do nothing. Ctrl-C after any signal ends the process at once. A closed
   * terminal sends SIGHUP to all its processes and the master forwards it: a second SIGHUP or SIGTERM is ignored.
   */
  listen(): void {
    if (listening) return
    listening = true
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        if (asked !== undefined && name === 'SIGINT') process.exit(exitCodeOf(asked))
        asked ??= name
        controller.abort()
      })
    }
  },

  /**
   * Ends the run with an error that was thrown where no caller catches it: in a listener of a socket, stream or timer.
   * The run cleans up as after a signal, then ends with this error; only the first one counts.
   */
  failWith(thrown: unknown): void {
    failure ??= { thrown }
    controller.abort()
  },

  /** Ends an interrupted run. @throws Cancelled (130) or KitError exit 143 after a signal; the error of `failWith` */
  throwIfAsked(): void {
    if (asked === undefined && failure !== undefined) throw failure.thrown
    const ended = endOf()
    if (ended !== undefined) throw ended
  },

  /**
   * The error a run ends with: a KitError itself; else that of the signal, when one has come, since it may have made a
   * child process (a compiler, for example) fail; else that given to `failWith`; else `thrown`.
   */
  reasonOf: (thrown: unknown): unknown =>
    thrown instanceof KitError
      ? thrown
      : (endOf(thrown) ?? (failure === undefined ? thrown : failure.thrown)),
}

function endOf(cause?: unknown): KitError | undefined {
  if (asked === undefined) return undefined
  if (asked === 'SIGINT') return new Cancelled(undefined, cause)
  return new KitError('terminated', { exitCode: exitCodes.terminated, cause })
}

const exitCodeOf = (name: NodeJS.Signals): number =>
  name === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated

/** Resolves to undefined once `signal` is aborted; at once when it already is. */
export const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
