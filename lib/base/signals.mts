import { setMaxListeners } from 'node:events'
import { Cancelled, exitCodes, KitError } from './errors.mts'

/**
 * Ctrl-C, SIGTERM and a closed terminal (SIGHUP), once for the whole process: commands under way are ended through
 * `signal`, waits are refused by `throwIfAsked`, and the one catch of cli/program.mts turns it into exit 130 or 143.
 */
const controller = new AbortController()
// Every command under way listens: many at once are no leak.
setMaxListeners(0, controller.signal)
let asked: NodeJS.Signals | undefined
let failure: { readonly thrown: unknown } | undefined
let listening = false

export const interruption = {
  signal: controller.signal,

  /**
   * Starts to listen. A second Ctrl-C ends at once: the operator has decided. A closed terminal tells everyone in it,
   * and the master passes it on: told twice is no decision.
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
   * Something was thrown where nobody could catch it: in a listener of a socket, a stream, a timer. The run ends as at a
   * signal, with all it has to give back, and with that.
   */
  failWith(thrown: unknown): void {
    failure ??= { thrown }
    controller.abort()
  },

  /** @throws Cancelled (130) or KitError (143) once a signal has come; what `failWith` was given */
  throwIfAsked(): void {
    if (asked === undefined && failure !== undefined) throw failure.thrown
    const ended = endOf()
    if (ended !== undefined) throw ended
  },

  /** What a run ends with that was asked to end: a helper that ended with it (a compiler, say) is no fault of its own. */
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
