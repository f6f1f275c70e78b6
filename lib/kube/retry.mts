import { exitCodes, KitError } from '../base/errors.mts'
import { log } from '../base/log.mts'
import { pauseFor } from '../base/poll.mts'

// An API server that has answered before may come back: K3s restarts, a load balancer fails over.

/** Seconds for which its requests are repeated. */
const retrySeconds = 60

/** The context of the kubeconfig to begin with, and how another is chosen when its server no longer answers. */
export interface Way {
  readonly context: string
  readonly another: () => Promise<string>
  /** Chooses a context that leads to none of these hosts, if there is one. `another` keeps to it. */
  readonly avoid?: (hosts: readonly string[]) => Promise<string>
  /** Finds a more exact error when the first request does not reach or trust the server; undefined without one. */
  readonly explain?: (context: string) => Promise<KitError | undefined>
}

/** Repeats requests that do not reach the API server. */
export interface Retry {
  /** The context that is used now. */
  readonly context: string
  /** From now on uses no context that leads to one of these hosts, if there is another. */
  avoid(hosts: readonly string[]): Promise<void>
  /**
   * Calls `act`, and again for 60 s while a server that has answered before is unreachable, by another context if any.
   * @param repeatable false: `act` is called once
   * @throws what `act` throws, or the error of `explain` for it when the server has not answered in this run; KitError
   * exit 130 or 143 on a signal
   */
  attempt<T>(act: (context: string) => Promise<T>, repeatable: boolean): Promise<T>
}

/** True for the error of an API server that does not answer: KitError exit 6. */
export const isUnreachable = (thrown: unknown): boolean =>
  thrown instanceof KitError && thrown.exitCode === exitCodes.unreachable

/** The Retry of one run with the servers of one cluster. */
export function createRetry(way: Way): Retry {
  let { context } = way
  /** Whether the API server has answered in this run. Only then is an unreachable one tried again. */
  let answered = false
  let moving: Promise<void> | undefined

  /** Chooses a context once for all requests that wait for it. */
  const move = (): Promise<void> => (moving ??= choose().finally(() => (moving = undefined)))
  async function choose(): Promise<void> {
    log.waiting(`the API server does not answer: trying again for ${retrySeconds} s`)
    await pauseFor(2000)
    context = await way.another()
  }

  /** The error to throw: that of a server that has not answered yet may have a cause that kubectl does not report. */
  async function explained(thrown: unknown): Promise<unknown> {
    const isTrust = thrown instanceof KitError && thrown.exitCode === exitCodes.trust
    if (answered || !(isTrust || isUnreachable(thrown))) return thrown
    return (await way.explain?.(context)) ?? thrown
  }

  return {
    get context() {
      return context
    },
    async avoid(hosts) {
      context = (await way.avoid?.(hosts)) ?? context
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
