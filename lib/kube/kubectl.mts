import type { IncomingMessage } from 'node:http'
import { exitCodes, KitError } from '../base/errors.mts'
import { answerError } from './api-errors.mts'
import { createSender } from './api-send.mts'
import { createApi, type Api } from './api.mts'
import { kubectlError } from './kubectl-errors.mts'
import { createWarnings } from './kubectl-warnings.mts'
import { record } from '../base/log.mts'
import { run, shownWords } from '../base/command.mts'
import { createRetry, isUnreachable, type Way } from './retry.mts'
import { usualSeconds, type Question } from './question.mts'
import { nameOf, type LiveObject } from './types.mts'

/**
 * Access to one cluster. Reads and writes go to its API server through `api`; only programs in pods, and the question
 * for kubectl's own version, are kubectl processes.
 */
export interface Kubectl {
  /** The first words of every command: program, kubeconfig, and the context, which changes when its server fails. */
  readonly words: readonly string[]
  /** Reads from and writes to the API server, repeated as by `run`. */
  readonly api: Api
  /**
   * Sends no further request by a machine that is about to be away, if the kubeconfig names another. Never throws.
   * @param hosts all its names in a server's address: `192.0.2.11`; none: any machine may be asked
   */
  avoid(hosts: readonly string[]): Promise<void>
  /**
   * Runs a kubectl command and returns its stdout. While a server that has answered before is unreachable, the command
   * is repeated for 60 s, by another context if there is one.
   * @throws KitError of kubectlError: exit 3, 5, 6, 7, 8 or 9; ForeignAuthority (7) when the server has not answered in
   * this run; exit 9 for more than 64 MiB of output; exit 130 or 143 on a signal
   */
  run(words: readonly string[], options?: KubectlOptions): Promise<string>
}

/** How one kubectl command is run. */
export interface KubectlOptions {
  /** Seconds until it must have ended: 60 unless given. */
  readonly timeoutSeconds?: number
  /** Never repeated: when its response is lost, it is not known whether the program has run. */
  readonly once?: boolean
}

const silentServer = (seconds: number, cause: unknown): KitError =>
  new KitError(`the API server accepted the request but did not respond within ${seconds} s`, {
    exitCode: exitCodes.unreachable,
    details: ['What was done before stays; another run goes on from there.'],
    hint: 'look at the masters: disk and memory, and that etcd has its majority; then run the same command again',
    cause,
  })

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
  const sender = createSender(kubeconfig, wordsFor, way.isSilent)

  async function runOnce(context: string, more: readonly string[], seconds: number): Promise<string> {
    // The option is before the verb: after the -- of exec it would be passed to the program in the pod.
    const command = [...wordsFor(context), `--request-timeout=${seconds}s`, ...more]
    const finished = await recorded(
      more,
      ({ code }) => code,
      () => run(command, { timeoutSeconds: seconds + 5 }),
    ).catch((thrown: unknown) => {
      throw isUnreachable(thrown) ? silentServer(seconds, thrown) : thrown
    })
    if (finished.code !== 0) throw kubectlError(more, finished)
    return finished.stdout
  }

  async function askOnce(context: string, question: Question): Promise<string | undefined> {
    const { words, change, seconds = usualSeconds, absentAt = [] } = question
    const act = () => sender.send(context, question, seconds)
    const answer = await recorded(words, ({ status }) => status, act, change?.body)
    warn(answer.warnings)
    if (absentAt.includes(answer.status)) return undefined
    if (answer.status < 200 || answer.status > 299) throw answerError(words, answer, change?.body)
    return answer.body
  }

  async function openOnce(
    context: string,
    question: Question,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    try {
      signal.throwIfAborted()
      const either = AbortSignal.any([signal, retry.left])
      const act = () => sender.open(context, question, either)
      return await recorded(question.words, ({ statusCode = 0 }) => statusCode, act)
    } catch (thrown) {
      // Whoever ends a watch says nothing of the server.
      signal.throwIfAborted()
      throw thrown
    }
  }

  return {
    get words() {
      return wordsFor(retry.context)
    },
    api: createApi(
      (question) => retry.attempt((context) => askOnce(context, question), howOf(question)),
      (question, signal) => retry.attempt((context) => openOnce(context, question, signal), 'move'),
    ),
    avoid: (hosts) => retry.avoid(hosts),
    run: (more, { once = false, timeoutSeconds = usualSeconds } = {}) =>
      retry.attempt((context) => runOnce(context, more, timeoutSeconds), once ? 'once' : 'repeat'),
  }
}

const howOf = ({ once, movesOn, runDespiteInterrupt }: Question): 'repeat' | 'once' | 'move' =>
  movesOn === true ? 'move' : once === true || runDespiteInterrupt === true ? 'once' : 'repeat'

/**
 * Does what these words of kubectl do, and logs them as the command an operator can type, with its answer and duration.
 * @param codeOf its status or exit code
 * @param sent what was written
 * @throws what `act` throws
 */
async function recorded<T>(
  words: readonly string[],
  codeOf: (result: T) => number,
  act: () => Promise<T>,
  sent?: unknown,
): Promise<T> {
  const { kind, metadata } = (sent ?? {}) as Partial<LiveObject>
  const named = kind === undefined || metadata?.name === undefined ? '' : ` # ${nameOf(sent as LiveObject)}`
  const started = performance.now()
  let answer: number | string = 'no answer'
  try {
    const result = await act()
    answer = codeOf(result)
    return result
  } finally {
    const milliseconds = Math.round(performance.now() - started)
    record(`${shownWords(['kubectl', ...words])}${named} -> ${answer} (${milliseconds} ms)`)
  }
}
