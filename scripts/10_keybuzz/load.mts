import type { HttpAnswer } from '../../lib/checks/http-exchange.mts'

// Visitors that a drill makes up: they ask without a pause until they are told to stop.

export interface Visitors {
  /** How many requests were answered well, and what the others came to. */
  readonly answered: number
  readonly lost: readonly string[]
  stop(): Promise<void>
}

/** @param pause milliseconds each waits between two requests */
export function sendVisitors(ask: () => Promise<HttpAnswer>, many: number, pause = 0): Visitors {
  let going = true
  let answered = 0
  const lost: string[] = []
  const visit = async () => {
    while (going) {
      const failure = await ask().then(
        ({ status }) => (status >= 200 && status < 400 ? undefined : `${status}`),
        (thrown: unknown) => String(thrown),
      )
      if (failure === undefined) answered += 1
      else lost.push(failure)
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
  const visits = Array.from({ length: many }, visit)
  return {
    get answered() {
      return answered
    },
    lost,
    async stop() {
      going = false
      await Promise.all(visits)
    },
  }
}
