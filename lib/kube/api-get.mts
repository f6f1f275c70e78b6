import { statSync } from 'node:fs'
import { Agent } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { KitError, messageOf } from '../base/errors.mts'
import { pauseFor } from '../base/poll.mts'
import { interruption } from '../base/signals.mts'
import { answerOf, type Answer } from './api-answer.mts'
import { accepts, openApiProxy, type ApiProxy } from './api-proxy.mts'
import { kubectlError } from './kubectl-errors.mts'

/**
 * Asks the API server of a context for one path. An answer that says no is an answer.
 * @param seconds until the whole answer must be there
 * @throws KitError of kubectlError when there is none; exit 9 for more than 64 MiB; exit 130 or 143 on a signal
 */
export type Get = (context: string, path: string, seconds: number) => Promise<Answer>

/** Requests under way at once; more wait. */
const mostAtOnce = 20

/** Starts of `kubectl proxy` for one question: somebody may kill it. */
const mostStarts = 3

/** How often a server that wants to be asked later is asked again, and a redirect followed (client-go has the same). */
const mostRepeats = 10

/**
 * Makes a Get by `kubectl proxy`, which reads its kubeconfig when it is started: at the first question, for another
 * context, after the file was written, and when it has ended.
 * @param kubeconfig path of the file
 * @param wordsFor program, kubeconfig and context
 */
export function createGet(kubeconfig: string, wordsFor: (context: string) => readonly string[]): Get {
  const agent = new Agent({ keepAlive: true, maxSockets: mostAtOnce })
  /** By context, and the time its kubeconfig was written. One that is no longer used ends with the run. */
  const open = new Map<string, Promise<ApiProxy>>()

  function proxyTo(context: string): { readonly proxy: Promise<ApiProxy>; readonly forget: () => void } {
    const { mtimeMs = 0 } = statSync(kubeconfig, { throwIfNoEntry: false }) ?? {}
    const key = `${mtimeMs} ${context}`
    const proxy = open.get(key) ?? openApiProxy(wordsFor(context))
    open.set(key, proxy)
    const forget = () => {
      if (open.get(key) === proxy) open.delete(key)
    }
    proxy.catch(forget)
    return { proxy, forget }
  }

  async function ask(context: string, path: string, signal: AbortSignal): Promise<Answer> {
    for (let starts = 1; ; starts += 1) {
      const { proxy, forget } = proxyTo(context)
      const { socket, program } = await proxy
      const heard = program.listen()
      try {
        const answer = await answerOf(socket, path, { agent, signal })
        if (!answer.isOfProxy) return answer
        // What was written before the answer is read after it: it comes by another pipe.
        await setImmediate()
        return { ...answer, said: heard() }
      } catch (thrown) {
        interruption.throwIfAsked()
        if (thrown instanceof KitError) throw thrown
        if (signal.aborted) throw unanswered('context deadline exceeded (Client.Timeout exceeded)')
        // A connection that broke while the proxy still listens was broken behind it.
        if (starts === mostStarts || (await accepts(socket)))
          throw unanswered(`connection reset by peer (${messageOf(thrown)})`)
        forget()
        await program.end()
      } finally {
        heard()
      }
    }
  }

  return async (context, path, seconds) => {
    interruption.throwIfAsked()
    const until = performance.now() + seconds * 1000
    // AbortSignal.timeout within AbortSignal.any can be collected before it ends (nodejs/node#57736).
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), seconds * 1000)
    const signal = AbortSignal.any([interruption.signal, late.signal])
    let asked = path
    try {
      for (let repeats = 0; ; repeats += 1) {
        const answer = await ask(context, asked, signal)
        const pause = pauseBefore(answer)
        if (repeats === mostRepeats || pause === undefined || performance.now() + pause > until) return answer
        await pauseFor(pause)
        asked = answer.location ?? asked
      }
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Milliseconds until a question is asked again; undefined when its answer is final. */
function pauseBefore({ status, retryAfter, location }: Answer): number | undefined {
  if (location !== undefined) return 0
  return retryAfter !== undefined && (status === 429 || status >= 500) ? retryAfter * 1000 : undefined
}

/** In kubectl's words: what they mean is looked up in one place. */
const unanswered = (why: string): KitError =>
  kubectlError(['get', '--raw'], { code: 1, stderr: `Unable to connect to the server: ${why}` })
