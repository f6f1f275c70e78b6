import { pauseFor } from '../base/poll.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { kubectlError } from './kubectl-errors.mts'
import { createWarnings } from './kubectl-warnings.mts'
import { log, record } from '../base/log.mts'
import { shortened } from '../base/sensitive.mts'
import { run, shownWords } from '../base/command.mts'

/** Runs kubectl against one cluster. Words never hold a sensitive value: objects travel on stdin. */
export interface Kubectl {
  /** The words every command begins with: program, kubeconfig, context. The context changes when its server is lost. */
  readonly words: readonly string[]
  /**
   * Runs and gives stdout. A server that has answered before is retried for 60 s, by another context if there is one.
   * @throws KitError of kubectlError: ObjectModified (5), exit 5, 6, 7, 8 or 9; exit 130 or 143 on a signal
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
  /** Never retried: whether a write was done is not known when its response is lost. */
  readonly once?: boolean
  /** Run also after Ctrl-C, and never retried: for what a run must give back, such as its lock. */
  readonly runDespiteInterrupt?: boolean
}

const isUnreachable = (thrown: unknown): boolean =>
  thrown instanceof KitError && thrown.exitCode === exitCodes.unreachable

const silentServer = (seconds: number, cause: unknown): KitError =>
  new KitError(`the API server accepted the request but did not respond within ${seconds} s`, {
    exitCode: exitCodes.unreachable,
    details: ['What was done before stays; another run goes on from there.'],
    hint: 'look at the masters: disk and memory, and that etcd has its majority; then run the same command again',
    cause,
  })

/** @throws KitError exit 3 when a wrapper around kubectl has written something else to stdout */
function parsed(text: string, words: readonly string[]): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new KitError(`${shownWords(['kubectl', ...words])} did not answer in JSON`, {
      exitCode: exitCodes.preflight,
      details: [shortened(text.trim().split('\n')[0] ?? '', 200)],
      hint: 'set KEYBUZZ_KUBECTL to the path of a kubectl that writes nothing else to stdout',
      cause,
    })
  }
}

/** Seconds in which an API server that has answered before may come back: K3s restarts, a load balancer fails over. */
const patience = 60

/** The context of the kubeconfig to begin with, and how another is chosen when its server no longer answers. */
export interface Way {
  readonly context: string
  readonly another: () => Promise<string>
  /** Looks for another reason when the first command does not reach or trust the server. */
  readonly explain?: (context: string) => Promise<KitError | undefined>
}

/**
 * A Kubectl bound to one kubeconfig; ~/.kube/config and KUBECONFIG are never read.
 * @param program words of FoundKubectl: the program, and its subcommand
 * @param kubeconfig path of the file
 * @param way its first context, and how another is chosen
 */
export function createKubectl(program: readonly string[], kubeconfig: string, way: Way): Kubectl {
  let words = wordsFor(way.context)
  const warned = createWarnings()
  function wordsFor(context: string): readonly string[] {
    return [...program, '--kubeconfig', kubeconfig, '--context', context]
  }
  /** Whether the API server has answered in this run. Only then is an unreachable one retried. */
  let answered = false

  async function once(
    more: readonly string[],
    { input, timeoutSeconds = 60, runDespiteInterrupt = false }: KubectlOptions,
  ): Promise<string> {
    const started = performance.now()
    // Before the verb: after the -- of exec the option would be passed to the program in the pod.
    const finished = await run([...words, `--request-timeout=${timeoutSeconds}s`, ...more], {
      input: input === undefined ? undefined : JSON.stringify(input),
      timeoutSeconds: timeoutSeconds + 5,
      runDespiteInterrupt,
    }).catch((thrown: unknown) => {
      throw isUnreachable(thrown) ? silentServer(timeoutSeconds, thrown) : thrown
    })
    record(
      `${shownWords(['kubectl', ...more])} -> ${finished.code} (${Math.round(performance.now() - started)} ms)`,
    )
    warned(more, finished.stderr)
    if (finished.code !== 0) throw await errorOf(kubectlError(more, finished, input))
    answered = true
    return finished.stdout
  }

  /** An error of a server that has not answered yet may have a cause that kubectl does not tell. */
  async function errorOf(error: KitError): Promise<KitError> {
    const isDoubtful = error.exitCode === exitCodes.unreachable || error.exitCode === exitCodes.trust
    if (answered || !isDoubtful) return error
    return (await way.explain?.(words.at(-1) ?? '')) ?? error
  }

  const kubectl: Kubectl = {
    get words() {
      return words
    },
    async run(more, options = {}) {
      const until = performance.now() + patience * 1000
      for (;;) {
        try {
          return await once(more, options)
        } catch (thrown) {
          if (
            !isUnreachable(thrown) ||
            !answered ||
            options.once === true ||
            options.runDespiteInterrupt === true ||
            performance.now() > until
          )
            throw thrown
          log.waiting(`the API server does not answer: trying again for ${patience} s`)
          await pauseFor(2000)
          words = wordsFor(await way.another())
        }
      }
    },
    async json<T>(more: readonly string[], options?: KubectlOptions) {
      const text = await kubectl.run([...more, '-o', 'json'], options)
      return text.trim() === '' ? undefined : (parsed(text, more) as T)
    },
  }
  return kubectl
}
