import { setMaxListeners } from 'node:events'
import { Cancelled, exitCodes, KitError } from './errors.mts'

/**
 * Ctrl-C, SIGTERM and a closed terminal (SIGHUP), once for the whole process: commands under way are ended through
 * `signal`, waits end by `throwIfAsked`, and the one catch of cli/program.mts turns the error into exit 130 or 143.
 */
const controller = new AbortController()
// Every running command adds a listener: many at once are not a leak.
setMaxListeners(0, controller.signal)
let asked: NodeJS.Signals | undefined
let failure: { readonly thrown: unknown } | undefined
let listening = false

export const interruption = {
  /** Aborted by the first signal, and by `failWith`. */
  signal: controller.signal,

  /**
   * Installs the signal handlers. A second Ctrl-C ends the process at once. A closed terminal sends SIGHUP to all its
   * processes and the master forwards it: a second SIGHUP or SIGTERM is therefore ignored.
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
   * Ends the run with an error thrown where no caller catches it: in a listener of a socket, a stream, a timer. The run
   * cleans up as after a signal, then throws this error.
   */
  failWith(thrown: unknown): void {
    failure ??= { thrown }
    controller.abort()
  },

  /** @throws Cancelled (130) or KitError exit 143 once a signal has come; the error given to `failWith` */
  throwIfAsked(): void {
    if (asked === undefined && failure !== undefined) throw failure.thrown
    const ended = endOf()
    if (ended !== undefined) throw ended
  },

  /** The error a run ends with: after a signal, the signal's, even if a helper (a compiler, say) failed by it. */
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

/** Resolves without a value once the signal has come. */
export const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
