import { exitCodes, KitError } from '../base/errors.mts'
import { log } from '../base/log.mts'
import { pauseFor } from '../base/poll.mts'

// An API server that has answered before may come back: K3s restarts, a load balancer fails over.

/** Seconds in which it may. */
const retrySeconds = 60

/** The context of the kubeconfig to begin with, and how another is chosen when its server no longer answers. */
export interface Way {
  readonly context: string
  readonly another: () => Promise<string>
  /** Looks for another reason when the first command does not reach or trust the server. */
  readonly explain?: (context: string) => Promise<KitError | undefined>
}

/** Repeats what does not reach the API server. */
export interface Retry {
  /** The context that is used now. */
  readonly context: string
  /**
   * Acts, again for 60 s while the server is unreachable, by another context if there is one.
   * @param repeatable false for what is done once
   * @throws what `act` throws; a better reason for it when the server has not answered in this run
   */
  attempt<T>(act: (context: string) => Promise<T>, repeatable: boolean): Promise<T>
}

/** True for the error of an API server that does not answer. */
export const isUnreachable = (thrown: unknown): boolean =>
  thrown instanceof KitError && thrown.exitCode === exitCodes.unreachable

/** The Retry of one run with the servers of one cluster. */
export function createRetry(way: Way): Retry {
  let { context } = way
  /** Whether the API server has answered in this run. Only then is an unreachable one tried again. */
  let answered = false
  let moving: Promise<void> | undefined

  /** One choice for all questions that wait for it. */
  const move = (): Promise<void> => (moving ??= choose().finally(() => (moving = undefined)))
  async function choose(): Promise<void> {
    log.waiting(`the API server does not answer: trying again for ${retrySeconds} s`)
    await pauseFor(2000)
    context = await way.another()
  }

  /** An error of a server that has not answered yet may have a cause that kubectl does not tell. */
  async function explained(thrown: unknown): Promise<unknown> {
    const isTrust = thrown instanceof KitError && thrown.exitCode === exitCodes.trust
    if (answered || !(isTrust || isUnreachable(thrown))) return thrown
    return (await way.explain?.(context)) ?? thrown
  }

  return {
    get context() {
      return context
    },
    async attempt(act, repeatable) {
      const until = performance.now() + retrySeconds * 1000
      for (;;) {
        try {
          const result = await act(context)
          answered = true
          return result
        } catch (thrown) {
          if (!isUnreachable(thrown) || !answered || !repeatable || performance.now() > until)
            throw await explained(thrown)
          await move()
        }
      }
    },
  }
}
