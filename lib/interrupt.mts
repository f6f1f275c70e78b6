import { setMaxListeners } from 'node:events'
import { Cancelled, exitCodes, KitError } from './errors.mts'

/**
 * Ctrl-C and SIGTERM, once for the whole process: commands under way are ended through `signal`, waits are
 * refused by `throwIfAsked`, and the one catch of run.mts turns it into exit 130 or 143.
 */
const controller = new AbortController()
// Every command under way listens: many at once are no leak.
setMaxListeners(0, controller.signal)
let asked: NodeJS.Signals | undefined
let listening = false

export const interruption = {
  signal: controller.signal,

  /** Starts to listen. A second Ctrl-C ends at once: the operator has decided. */
  listen(): void {
    if (listening) return
    listening = true
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        if (asked !== undefined) process.exit(exitCodeOf(asked))
        asked = name
        controller.abort()
      })
    }
  },

  /** @throws Cancelled (130) or KitError (143) once a signal has come */
  throwIfAsked(): void {
    if (asked === 'SIGINT') throw new Cancelled()
    if (asked !== undefined) throw new KitError('terminated', { exitCode: exitCodes.terminated })
  },
}

const exitCodeOf = (name: NodeJS.Signals): number =>
  name === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated
