import { exitCodes, KitError } from '../base/errors.mts'
import { answerError } from './api-errors.mts'
import { createGet } from './api-get.mts'
import { createApi, type Api } from './api.mts'
import { kubectlError } from './kubectl-errors.mts'
import { createWarnings, warningsIn } from './kubectl-warnings.mts'
import { record } from '../base/log.mts'
import { run, shownWords } from '../base/command.mts'
import { jsonIn } from './json-answer.mts'
import { createRetry, isUnreachable, type Way } from './retry.mts'
import type { Question } from './question.mts'

/**
 * Access to one cluster. Reads go to its API server through `api`; writes, programs in pods, logs and watches are
 * kubectl processes. Arguments never contain a sensitive value: objects are sent on stdin.
 */
export interface Kubectl {
  /** The first words of every command: program, kubeconfig, and the context, which changes when its server fails. */
  readonly words: readonly string[]
  /** Reads from the API server, repeated as by `run`. */
  readonly api: Api
  /**
   * Runs a kubectl command and returns its stdout. While a server that has answered before is unreachable, the command
   * is repeated for 60 s, by another context if there is one.
   * @throws KitError of kubectlError: ObjectModified (5), exit 3, 5, 6, 7, 8 or 9; ForeignAuthority (7) when the server
   * has not answered in this run; exit 9 for more than 64 MiB of output; exit 130 or 143 on a signal
   */
  run(words: readonly string[], options?: KubectlOptions): Promise<string>
  /**
   * As `run` with `-o json`, parsed. Empty output (`--ignore-not-found`) is undefined.
   * @throws KitError as `run`; exit 3 when the output is not JSON
   */
  json<T>(words: readonly string[], options?: KubectlOptions): Promise<T | undefined>
}

/** How one kubectl command is run. */
export interface KubectlOptions {
  /** An object or list to send on stdin. */
  readonly input?: unknown
  /** Seconds the API server may take to respond: 60 unless given. */
  readonly timeoutSeconds?: number
  /** Never repeated: when its response is lost, it is not known whether a write was done. */
  readonly once?: boolean
  /** Run also after Ctrl-C, and never repeated: for what a run must release, such as its lock. */
  readonly runDespiteInterrupt?: boolean
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
  const get = createGet(kubeconfig, wordsFor)

  async function runOnce(
    context: string,
    more: readonly string[],
    { input, timeoutSeconds = usualSeconds, runDespiteInterrupt = false }: KubectlOptions,
  ): Promise<string> {
    const started = performance.now()
    // The option is before the verb: after the -- of exec it would be passed to the program in the pod.
    const finished = await run([...wordsFor(context), `--request-timeout=${timeoutSeconds}s`, ...more], {
      input: input === undefined ? undefined : JSON.stringify(input),
      timeoutSeconds: timeoutSeconds + 5,
      runDespiteInterrupt,
    }).catch((thrown: unknown) => {
      throw isUnreachable(thrown) ? silentServer(timeoutSeconds, thrown) : thrown
    })
    recordTimed(more, finished.code, started)
    warn(warningsIn(more, finished.stderr))
    if (finished.code !== 0) throw kubectlError(more, finished, input)
    return finished.stdout
  }

  async function askOnce(
    context: string,
    { path, words, seconds, mayMiss }: Question,
  ): Promise<string | undefined> {
    const started = performance.now()
    const answer = await get(context, path, seconds ?? usualSeconds)
    recordTimed(words, answer.status, started)
    warn(answer.warnings)
    if (answer.status === 404 && mayMiss === true) return undefined
    if (answer.status < 200 || answer.status > 299) throw answerError(words, answer)
    return answer.body
  }

  const kubectl: Kubectl = {
    get words() {
      return wordsFor(retry.context)
    },
    api: createApi((question) =>
      retry.attempt((context) => askOnce(context, question), question.once !== true),
    ),
    run(more, options = {}) {
      const isRepeatable = options.once !== true && options.runDespiteInterrupt !== true
      return retry.attempt((context) => runOnce(context, more, options), isRepeatable)
    },
    async json<T>(more: readonly string[], options?: KubectlOptions) {
      const text = await kubectl.run([...more, '-o', 'json'], options)
      return text.trim() === '' ? undefined : (jsonIn(text, more) as T)
    },
  }
  return kubectl
}

/** Logs a command as an operator can type it, with its exit code or HTTP status, and how long it took. */
const recordTimed = (words: readonly string[], answer: number, started: number): void =>
  record(`${shownWords(['kubectl', ...words])} -> ${answer} (${Math.round(performance.now() - started)} ms)`)
