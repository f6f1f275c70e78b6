import { statSync } from 'node:fs'
import { Agent, type IncomingMessage } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { hasCode, KitError, messageOf } from '../base/errors.mts'
import { pauseFor } from '../base/poll.mts'
import { interruption } from '../base/signals.mts'
import { answerIn, answerOf, requestTo, type Answer } from './api-answer.mts'
import { answerError } from './api-errors.mts'
import { accepts, openApiProxy, type ApiProxy } from './api-proxy.mts'
import { kubectlError } from './kubectl-errors.mts'
import { usualSeconds, type Question } from './question.mts'

/** Sends requests to the API server of a context. */
export interface Sender {
  /**
   * Sends one request. An answer that says no is an answer.
   * @param seconds until the whole answer must be there
   * @throws KitError of kubectlError when there is none; exit 9 for more than 64 MiB; exit 130 or 143 on a signal
   */
  send(context: string, question: Question, seconds: number): Promise<Answer>
  /**
   * Opens a GET whose body comes as long as the server has something to say, on a connection of its own.
   * @param signal ends it
   * @throws KitError of kubectlError, also for an answer that is no success
   */
  open(context: string, question: Question, signal: AbortSignal): Promise<IncomingMessage>
}

/**
 * Requests under way at once; more wait. An API server allows 100 on one connection, and watches need some of them. With
 * 20, objects sent over a long way took half as long again.
 */
const mostAtOnce = 50

/** Starts of `kubectl proxy` for one request: another process may end it. */
const mostStarts = 3

/** Milliseconds a request is under way before its server is looked at, and between two looks. */
const lookMilliseconds = 2000

/** How often a request is repeated that the server wants later, and a redirect followed (client-go has the same). */
const mostRepeats = 10

/**
 * Makes a Sender by `kubectl proxy`, which reads its kubeconfig when it is started: at the first request, for another
 * context, after the file was written, and when it has ended.
 * @param kubeconfig path of the file
 * @param wordsFor program, kubeconfig and context
 * @param isSilent whether the server of a context does not answer while another one does: kubectl itself needs 45 s to
 * find a machine that is off
 */
export function createSender(
  kubeconfig: string,
  wordsFor: (context: string) => readonly string[],
  isSilent: (context: string) => Promise<boolean> = () => Promise.resolve(false),
): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: mostAtOnce })
  /** By context, and the time its kubeconfig was written. One that is no longer used ends with the run. */
  const open = new Map<string, Promise<ApiProxy>>()

  function proxyTo(
    context: string,
    runDespiteInterrupt: boolean,
  ): { readonly proxy: Promise<ApiProxy>; readonly forget: () => void } {
    const { mtimeMs = 0 } = statSync(kubeconfig, { throwIfNoEntry: false }) ?? {}
    const key = `${mtimeMs} ${context}`
    const proxy = open.get(key) ?? openApiProxy(wordsFor(context), runDespiteInterrupt)
    open.set(key, proxy)
    const forget = () => {
      if (open.get(key) === proxy) open.delete(key)
    }
    proxy.catch(forget)
    return { proxy, forget }
  }

  /** By the proxy to `context`, which is started again when it has ended: then nothing can have been sent. */
  async function byProxy<T>(
    context: string,
    { once = false, change, runDespiteInterrupt = false }: Question,
    signal: AbortSignal,
    act: (socket: string, heard: () => string) => Promise<T>,
  ): Promise<T> {
    for (let starts = 1; ; starts += 1) {
      const { proxy, forget } = proxyTo(context, runDespiteInterrupt)
      const { socket, program } = await proxy
      const heard = program.listen()
      try {
        return await act(socket, heard)
      } catch (thrown) {
        if (!runDespiteInterrupt) interruption.throwIfAsked()
        if (thrown instanceof KitError) throw thrown
        if (signal.aborted) throw unanswered('context deadline exceeded (Client.Timeout exceeded)')
        const mayBeDone = change !== undefined && (once || runDespiteInterrupt) && !isUnsent(thrown)
        // A connection that broke while the proxy still listens was broken behind it.
        if (starts === mostStarts || mayBeDone || (await accepts(socket)))
          throw unanswered(`connection reset by peer (${messageOf(thrown)})`)
        forget()
        await program.end()
      } finally {
        heard()
      }
    }
  }

  async function sendOnce(context: string, question: Question, signal: AbortSignal): Promise<Answer> {
    const { path, change } = question
    return byProxy(context, question, signal, async (socket, heard) => {
      const answer = await answerOf(socket, path, {
        agent: isUrgent(question) ? false : agent,
        signal,
        change,
      })
      if (!answer.isOfProxy) return answer
      // What was written before the answer is read after it: it comes by another pipe.
      await setImmediate()
      return { ...answer, said: heard() }
    })
  }

  return {
    async send(context, question, seconds) {
      const { path, once = false, runDespiteInterrupt = false } = question
      if (!runDespiteInterrupt) interruption.throwIfAsked()
      const until = performance.now() + seconds * 1000
      // AbortSignal.timeout within AbortSignal.any can be collected before it ends (nodejs/node#57736).
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(), seconds * 1000)
      const signal = runDespiteInterrupt ? late.signal : AbortSignal.any([interruption.signal, late.signal])
      const isFinal = (question.change !== undefined && once) || runDespiteInterrupt
      const looking = setInterval(() => {
        // What is not sent again waits for its answer: it may have been done.
        if (!isFinal) void isSilent(context).then((is) => is && late.abort())
      }, lookMilliseconds)
      let next = path
      try {
        for (let repeats = 0; ; repeats += 1) {
          const answer = await sendOnce(context, { ...question, path: next }, signal)
          const pause = pauseBefore(answer)
          if (isFinal || repeats === mostRepeats || pause === undefined || performance.now() + pause > until)
            return answer
          await pauseFor(pause)
          next = answer.location ?? next
        }
      } finally {
        clearTimeout(timer)
        clearInterval(looking)
      }
    },
    async open(context, question, signal) {
      interruption.throwIfAsked()
      return byProxy(context, question, signal, async (socket, heard) => {
        const response = await requestTo(socket, question.path, { agent: false, signal })
        if (response.statusCode === 200) return response
        const answer = await answerIn(response, question.path)
        throw answerError(question.words, { ...answer, said: heard() })
      })
    },
  }
}

/**
 * True for a request that must not wait until one of those under way has its answer: its time would pass meanwhile, that
 * of a lock's renewal for instance. It goes by a connection of its own.
 */
const isUrgent = ({ seconds = usualSeconds, runDespiteInterrupt = false }: Question): boolean =>
  seconds < usualSeconds || runDespiteInterrupt

/** True when a connection was not established. */
const isUnsent = (thrown: unknown): boolean => hasCode(thrown, 'ECONNREFUSED', 'ENOENT')

/** Milliseconds until a request is repeated; undefined when its answer is final. */
function pauseBefore({ status, retryAfter, location, origin }: Answer): number | undefined {
  if (location !== undefined) return 0
  return origin === undefined && retryAfter !== undefined && (status === 429 || status >= 500)
    ? retryAfter * 1000
    : undefined
}

/** In kubectl's words: what they mean is looked up in one place. */
const unanswered = (why: string): KitError =>
  kubectlError(['get', '--raw'], { code: 1, stderr: `Unable to connect to the server: ${why}` })
