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
 * Sends a GET for one path to the API server of a context. A response with an error status is returned, not thrown.
 * @param seconds until the whole response must be there
 * @throws KitError of kubectlError when there is none, exit 6 after `seconds`; exit 9 for more than 64 MiB; exit 12
 * when the folder for the socket of `kubectl proxy` cannot be made; exit 130 or 143 on a signal
 */
export type Get = (context: string, path: string, seconds: number) => Promise<Answer>

/** Most requests sent at the same time; further ones wait. */
const mostAtOnce = 20

/** Most starts of `kubectl proxy` for one request: it may be killed from outside. */
const mostStarts = 3

/** Most repetitions of a request, after Retry-After or a redirect (client-go has the same). */
const mostRepeats = 10

/**
 * Makes a Get that sends its requests through `kubectl proxy`. A proxy reads the kubeconfig only when it starts, so one
 * is started at the first request, for another context, after the file was written, and when the last one has ended.
 * @param kubeconfig path of the file
 * @param wordsFor gives program, kubeconfig and context
 */
export function createGet(kubeconfig: string, wordsFor: (context: string) => readonly string[]): Get {
  const agent = new Agent({ keepAlive: true, maxSockets: mostAtOnce })
  /** By context, and the time the kubeconfig was written. A proxy that is no longer used ends with the run. */
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
        // stderr comes by another pipe: what was written before the response may be read after it.
        await setImmediate()
        return { ...answer, said: heard() }
      } catch (thrown) {
        interruption.throwIfAsked()
        if (thrown instanceof KitError) throw thrown
        if (signal.aborted) throw unanswered('context deadline exceeded (Client.Timeout exceeded)')
        // While the proxy still listens, the connection was lost between it and the API server.
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
    // AbortSignal.timeout within AbortSignal.any can be garbage-collected before it fires (nodejs/node#57736).
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

/** Milliseconds until a request is repeated; undefined when its response is final. */
function pauseBefore({ status, retryAfter, location }: Answer): number | undefined {
  if (location !== undefined) return 0
  return retryAfter !== undefined && (status === 429 || status >= 500) ? retryAfter * 1000 : undefined
}

/** The error for a request without a response, in kubectl's words: their meaning is looked up in one table. */
const unanswered = (why: string): KitError =>
  kubectlError(['get', '--raw'], { code: 1, stderr: `Unable to connect to the server: ${why}` })
