import { exitCodes, KitError } from '../base/errors.mts'
import { answerError } from './api-errors.mts'
import { createSender } from './api-send.mts'
import { createApi, type Api } from './api.mts'
import { kubectlError } from './kubectl-errors.mts'
import { createWarnings } from './kubectl-warnings.mts'
import { record } from '../base/log.mts'
import { run, shownWords } from '../base/command.mts'
import { createRetry, isUnreachable, type Way } from './retry.mts'
import type { Question } from './question.mts'
import { nameOf, type LiveObject } from './types.mts'

/**
 * One cluster. What is read and written goes to its API server by `api`; only a program in a pod and the question for
 * kubectl's own version are a kubectl process.
 */
export interface Kubectl {
  /** The words every command begins with: program, kubeconfig, context. The context changes when its server is lost. */
  readonly words: readonly string[]
  /** Requests to the API server. Tried again as `run` does. */
  readonly api: Api
  /**
   * Runs and gives stdout. A server that has answered before is retried for 60 s, by another context if there is one.
   * @throws KitError of kubectlError: exit 5, 6, 7, 8 or 9; exit 130 or 143 on a signal
   */
  run(words: readonly string[], options?: KubectlOptions): Promise<string>
}

/** How one kubectl command is run. */
export interface KubectlOptions {
  /** Seconds until it must have ended: 60 unless given. */
  readonly timeoutSeconds?: number
  /** Never retried: whether the program has run is not known when its response is lost. */
  readonly once?: boolean
}

const silentServer = (seconds: number, cause: unknown): KitError =>
  new KitError(`the API server accepted the request but did not respond within ${seconds} s`, {
    exitCode: exitCodes.unreachable,
    details: ['What was done before stays; another run goes on from there.'],
    hint: 'look at the masters: disk and memory, and that etcd has its majority; then run the same command again',
    cause,
  })

/** Seconds the API server may take to respond. */
const usualSeconds = 60

/**
 * A Kubectl bound to one kubeconfig; ~/.kube/config and KUBECONFIG are never read.
 * @param program words of FoundKubectl: the program, and its subcommand
 * @param kubeconfig path of the file
 * @param way its first context, and how another is chosen
 */
export function createKubectl(program: readonly string[], kubeconfig: string, way: Way): Kubectl {
  const wordsFor = (context: string): readonly string[] => [
    ...program,
    '--kubeconfig',
    kubeconfig,
    '--context',
    context,
  ]
  const warn = createWarnings()
  const retry = createRetry(way)
  const sender = createSender(kubeconfig, wordsFor)

  async function runOnce(context: string, more: readonly string[], seconds: number): Promise<string> {
    const started = performance.now()
    // Before the verb: after the -- of exec the option would be passed to the program in the pod.
    const finished = await run([...wordsFor(context), `--request-timeout=${seconds}s`, ...more], {
      timeoutSeconds: seconds + 5,
    }).catch((thrown: unknown) => {
      throw isUnreachable(thrown) ? silentServer(seconds, thrown) : thrown
    })
    recordTimed(more, finished.code, started)
    if (finished.code !== 0) throw kubectlError(more, finished)
    return finished.stdout
  }

  async function askOnce(context: string, question: Question): Promise<string | undefined> {
    const { words, change, seconds = usualSeconds, absentAt = [] } = question
    const started = performance.now()
    const answer = await sender.send(context, question, seconds)
    recordTimed(words, answer.status, started, change?.body)
    warn(answer.warnings)
    if (absentAt.includes(answer.status)) return undefined
    if (answer.status < 200 || answer.status > 299) throw answerError(words, answer, change?.body)
    return answer.body
  }

  return {
    get words() {
      return wordsFor(retry.context)
    },
    api: createApi(
      (question) =>
        retry.attempt(
          (context) => askOnce(context, question),
          question.once !== true && question.runDespiteInterrupt !== true,
        ),
      (question, signal) => sender.open(retry.context, question, signal),
    ),
    run: (more, { once = false, timeoutSeconds = usualSeconds } = {}) =>
      retry.attempt((context) => runOnce(context, more, timeoutSeconds), !once),
  }
}

/** One line of the log, which an operator can type. @param sent the object on stdin, named behind it */
function recordTimed(words: readonly string[], answer: number, started: number, sent?: unknown): void {
  const { kind, metadata } = (sent ?? {}) as Partial<LiveObject>
  const named = kind === undefined || metadata?.name === undefined ? '' : ` # ${nameOf(sent as LiveObject)}`
  const milliseconds = Math.round(performance.now() - started)
  record(`${shownWords(['kubectl', ...words])}${named} -> ${answer} (${milliseconds} ms)`)
}
