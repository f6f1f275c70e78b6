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
  /** Whether the server of a context does not answer, neither yes nor no, while another one does. Never throws. */
  readonly isSilent?: (context: string) => Promise<boolean>
  /** Finds a more exact error when the first request does not reach or trust the server; undefined without one. */
  readonly explain?: (context: string) => Promise<KitError | undefined>
}

/** Repeats requests that do not reach the API server. */
export interface Retry {
  /** The context that is used now. */
  readonly context: string
  /** Aborted when another context is used: what stays open by this one would wait for a server that may be off. */
  readonly left: AbortSignal
  /** From now on uses no context that leads to one of these hosts, if there is another. */
  avoid(hosts: readonly string[]): Promise<void>
  /**
   * Calls `act`, and again for 60 s while a server that has answered before is unreachable: at once by another context
   * when its server answers, else after a pause.
   * @param how 'once': `act` is called once. 'move': again only by another context; then the caller repeats it itself
   * @throws what `act` throws, or the error of `explain` for it when the server has not answered in this run; KitError
   * exit 130 or 143 on a signal
   */
  attempt<T>(act: (context: string) => Promise<T>, how: 'repeat' | 'once' | 'move'): Promise<T>
}

/** True for the error of an API server that does not answer: KitError exit 6. */
export const isUnreachable = (thrown: unknown): boolean =>
  thrown instanceof KitError && thrown.exitCode === exitCodes.unreachable

/** The Retry of one run with the servers of one cluster. */
export function createRetry(way: Way): Retry {
  let { context } = way
  /** Whether the API server has answered in this run. Only then is an unreachable one tried again. */
  let answered = false
  let leaving = new AbortController()
  let choosing: Promise<void> | undefined
  let pausing: Promise<void> | undefined

  const use = (chosen: string): void => {
    if (chosen === context) return
    context = chosen
    leaving.abort()
    leaving = new AbortController()
  }

  /** Chooses a context once for all requests that wait for it. */
  const choose = (): Promise<void> =>
    (choosing ??= way
      .another()
      .then(use)
      .finally(() => (choosing = undefined)))

  /** Of another length each time: several runs do not all come back to a server at one moment. */
  const pause = (): Promise<void> =>
    (pausing ??= pauseFor(1500 + Math.random() * 1000).finally(() => (pausing = undefined)))

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
    get left() {
      return leaving.signal
    },
    async avoid(hosts) {
      use((await way.avoid?.(hosts)) ?? context)
    },
    async attempt(act, how) {
      const until = performance.now() + retrySeconds * 1000
      for (;;) {
        const used = context
        try {
          const result = await act(used)
          answered = true
          return result
        } catch (thrown) {
          if (!isUnreachable(thrown) || !answered || how === 'once' || performance.now() > until)
            throw await explained(thrown)
          // Another request may have moved on meanwhile.
          if (context === used) await choose()
          if (context !== used) continue
          if (how === 'move') throw thrown
          if (pausing === undefined)
            log.waiting(`the API server does not answer: trying again for ${retrySeconds} s`)
          await pause()
        }
      }
    },
  }
}
