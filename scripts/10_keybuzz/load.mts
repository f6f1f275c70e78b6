import { awaitedLater } from '../../lib/base/concurrency.mts'
import { messageOf, unlessInterrupted } from '../../lib/base/errors.mts'
import { pauseFor } from '../../lib/base/poll.mts'
import type { HttpAnswer } from '../../lib/checks/http-exchange.mts'

// Requests of a drill, sent one after another by several clients at the same time.

/** The clients of one drill, and what became of their requests until now. */
export interface Visitors {
  /** Requests that were answered with a status from 200 to 399. */
  readonly answered: number
  /** The status or the error of each other request. */
  readonly lost: readonly string[]
  /** Ends the clients after their last response. @throws Cancelled (130) or KitError exit 143 on a signal */
  stop(): Promise<void>
}

/**
 * Starts clients that send requests until `stop` is called. An error of a request is counted, not thrown.
 * @param many clients
 * @param pause milliseconds between a response and the next request of the same client
 */
export function sendVisitors(ask: () => Promise<HttpAnswer>, many: number, pause = 0): Visitors {
  let going = true
  let answered = 0
  const lost: string[] = []
  const visit = async () => {
    while (going) {
      const failure = await ask().then(
        ({ status }) => (status >= 200 && status < 400 ? undefined : `${status}`),
        unlessInterrupted(messageOf),
      )
      if (failure === undefined) answered += 1
      else lost.push(failure)
      if (pause > 0) await pauseFor(pause)
    }
  }
  const visits = awaitedLater(Promise.all(Array.from({ length: many }, visit)))
  return {
    get answered() {
      return answered
    },
    lost,
    async stop() {
      going = false
      await visits
    },
  }
}
