import { accessSync, constants } from 'node:fs'
import { exitCodes, KitError, type ExitCode } from './errors.mts'
import { record } from './log.mts'
import { run, shownWords, type Finished } from './sh.mts'
import type { Versions } from './versions.mts'

/** Runs kubectl against one cluster. Words never hold a sensitive value: objects travel on stdin. */
export interface Kubectl {
  /** The words every command begins with: program, kubeconfig, context. */
  readonly words: readonly string[]
  /** Runs and gives stdout. @throws KitError in the operator's words for whatever kubectl refuses */
  run(words: readonly string[], options?: KubectlOptions): Promise<string>
  /** As `run`, parsed from JSON. Empty output (`--ignore-not-found`) is undefined. */
  json<T>(words: readonly string[], options?: KubectlOptions): Promise<T | undefined>
}

export interface KubectlOptions {
  /** An object or list to send on stdin. */
  readonly input?: unknown
  readonly timeoutSeconds?: number
}

/**
 * Finds the kubectl to use: the one an operator names, else the K3s binary of this environment (it is kubectl
 * too, of the cluster's own version), else the one on PATH (DESIGN section 8).
 * @throws KitError exit 3 when there is none
 */
export async function findKubectl(versions: Versions): Promise<readonly string[]> {
  const named = process.env['KEYBUZZ_KUBECTL']
  if (named !== undefined) return [requireProgram(named, 'KEYBUZZ_KUBECTL names it')]
  const k3s = versions['k3s']?.file
  if (k3s !== undefined) return [requireProgram(k3s, 'versions.json names it (k3s.file)'), 'kubectl']
  const found = await run(['sh', '-c', 'command -v kubectl'])
  if (found.code === 0) return [found.stdout.trim()]
  throw new KitError('there is no kubectl on this machine', {
    exitCode: exitCodes.preflight,
    hint: 'install the kubectl of your cluster’s version, or set KEYBUZZ_KUBECTL to its path',
  })
}

function requireProgram(path: string, why: string): string {
  try {
    accessSync(path, constants.X_OK)
    return path
  } catch (cause) {
    throw new KitError(`${path} cannot be run: ${why}`, {
      exitCode: exitCodes.preflight,
      hint: 'correct the path, or take the setting away',
      cause,
    })
  }
}

/** A Kubectl bound to one kubeconfig; ~/.kube/config and KUBECONFIG are never looked at. */
export function createKubectl(program: readonly string[], kubeconfig: string, context: string): Kubectl {
  const words = [...program, '--kubeconfig', kubeconfig, '--context', context]
  const kubectl: Kubectl = {
    words,
    async run(more, { input, timeoutSeconds = 60 } = {}) {
      const started = performance.now()
      const finished = await run([...words, ...more, `--request-timeout=${timeoutSeconds}s`], {
        input: input === undefined ? undefined : JSON.stringify(input),
        timeoutSeconds: timeoutSeconds + 5,
      })
      record(
        `${shownWords(['kubectl', ...more])} -> ${finished.code} (${Math.round(performance.now() - started)} ms)`,
      )
      if (finished.code !== 0) throw kubectlError(more, finished)
      return finished.stdout
    },
    async json<T>(more: readonly string[], options?: KubectlOptions) {
      const text = await kubectl.run([...more, '-o', 'json'], options)
      return text.trim() === '' ? undefined : (JSON.parse(text) as T)
    },
  }
  return kubectl
}

interface Refusal {
  readonly words: RegExp
  readonly what: string
  readonly exitCode: ExitCode
  readonly hint: string
}

/** What kubectl says, what it means, in the order in which it must be looked for. */
const refusals: readonly Refusal[] = [
  {
    words: /exceeded quota/,
    what: 'the namespace’s quota does not allow it',
    exitCode: exitCodes.rolloutFailed,
    hint: 'raise the ResourceQuota named above, or lower the module’s maxima',
  },
  {
    words: /admission webhook|failed calling webhook/,
    what: 'an admission webhook of the cluster refuses it',
    exitCode: exitCodes.rolloutFailed,
    hint: 'the webhook named above belongs to another software of the cluster: ask why it refuses, or repair it',
  },
  {
    words: /because it is being terminated/,
    what: 'its namespace is being deleted',
    exitCode: exitCodes.worldMoved,
    hint: 'kubectl get namespace NAME -o yaml   shows which finalizer it still waits for; run again when it is gone',
  },
  {
    words: /certificate has expired|certificate signed by unknown|x509|tls: /,
    what: 'the API server’s certificate or this kubeconfig’s is not trusted',
    exitCode: exitCodes.trust,
    hint: 'check that the kubeconfig belongs to this cluster and has not expired; copy a new one from a master',
  },
  {
    words: /Unauthorized|must be logged in|provide credentials/,
    what: 'the API server does not know this kubeconfig’s user',
    exitCode: exitCodes.denied,
    hint: 'its client certificate or token has expired, or belongs to another cluster: copy a new kubeconfig from a master',
  },
  {
    words: /forbidden/i,
    what: 'the API server forbids it',
    exitCode: exitCodes.denied,
    hint: 'the kubeconfig’s user needs cluster-admin rights',
  },
  {
    words:
      /refused|no route|i\/o timeout|dial tcp|unable to connect|connection reset|EOF|etcdserver|deadline exceeded|ServiceUnavailable|no such host|unreachable/i,
    what: 'the API server cannot be reached',
    exitCode: exitCodes.unreachable,
    hint: 'check the server address in the kubeconfig, the network, and that K3s runs on the masters',
  },
]

/** Turns kubectl's stderr into an error that says what it means and what to do. */
export function kubectlError(
  words: readonly string[],
  { code, stderr }: Pick<Finished, 'code' | 'stderr'>,
): KitError {
  const details = stderr
    .trim()
    .split('\n')
    // klog lines repeat, with addresses of its own code, what the last line says.
    .filter((line) => line !== '' && !/^[EIW]\d{4} /.test(line))
    .slice(-4)
  const known = refusals.find((refusal) => refusal.words.test(stderr))
  return new KitError(known?.what ?? `kubectl ${words[0]} ${words[1]} failed (exit ${code})`, {
    exitCode: known?.exitCode ?? exitCodes.rolloutFailed,
    details,
    hint: known?.hint ?? 'the lines above are kubectl’s own; the log has the whole command',
  })
}
