import { exitCodes, KitError, type ExitCode } from '../base/errors.mts'
import type { Finished } from '../base/command.mts'
import { shortened } from '../base/sensitive.mts'

// What kubectl refuses, in the operator's words.

interface Refusal {
  readonly words: RegExp
  readonly what: string
  readonly exitCode: ExitCode
  readonly hint: string
}

/** Who does not answer now and may in a moment: Go's words for a lost link, and the API server's for itself. */
const away = new RegExp(
  [
    // The connection was not made.
    'refused|no route|dial tcp|unable to connect|no such host|unreachable|TLS handshake timeout',
    // It was lost, or nothing came in time: whether the server's time ends first or kubectl's is chance.
    'connection reset|broken pipe|EOF|GOAWAY|client connection lost|closed idle connection|i/o timeout',
    'Client\\.Timeout|request canceled|deadline exceeded|Handler timeout|in the time allotted',
    // The server is there and cannot: it starts, it stops, it has too much to do, or its etcd hangs.
    'etcdserver|ServiceUnavailable|currently unable to handle the request|\\((Server)?Timeout\\)|received too many requests',
  ].join('|'),
  'i',
)

/** A proxy's own answer to kubectl, which is Go's word for its HTTP status alone; or nobody is where the proxy should be. */
const proxyRefuses =
  /proxyconnect|connect to the server: (Forbidden|Proxy Authentication Required|Method Not Allowed|Bad Gateway|Service Unavailable|Gateway Timeout)$/m

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
    words: proxyRefuses,
    what: 'the proxy of this machine does not let kubectl through to the API server',
    exitCode: exitCodes.unreachable,
    hint: 'name the API server’s address in NO_PROXY, or correct HTTPS_PROXY',
  },
  {
    words: /error trying to reach service|error dialing backend/,
    what: 'the API server answers, but does not reach what it was asked for',
    exitCode: exitCodes.rolloutFailed,
    hint: 'look at the node or the pod named above, and at the way from the masters to it',
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
    words: away,
    what: 'the API server cannot be reached',
    exitCode: exitCodes.unreachable,
    hint: 'check the server address in the kubeconfig, the network, and that K3s runs on the masters',
  },
]

/** Characters of kubectl's words that are looked at. */
const mostWords = 20_000

/** A resourceVersion that was sent is no longer the object's (HTTP 409). */
const isModified = /the object has been modified/

/** Somebody wrote an object after it was read: what was compared is not what is there. */
export class ObjectModified extends KitError {
  constructor(details: readonly string[]) {
    super('the object was changed by somebody else since it was compared', {
      exitCode: exitCodes.worldMoved,
      details,
      hint: 'run the same command again; see who else writes to it: kubectl get ... -o yaml --show-managed-fields',
    })
  }
}

/** Turns kubectl's stderr into an error that says what it means and what to do. */
export function kubectlError(
  words: readonly string[],
  { code, stderr: said }: Pick<Finished, 'code' | 'stderr'>,
): KitError {
  const stderr = shortened(said, mostWords)
  // What kubectl advises after a conflict is about its own flags.
  const details = stderr
    .replace(/\n?Please review the fields above--[\s\S]*/, '')
    .trim()
    .split('\n')
    // klog lines repeat, with addresses of its own code, what the last line says.
    .filter((line) => line !== '' && !/^[EIW]\d{4} /.test(line))
    .slice(-4)
  if (isModified.test(stderr)) return new ObjectModified(details)
  const known = refusals.find((refusal) => refusal.words.test(stderr))
  // kubectl does not say of a server it cannot reach that it asked a proxy for it.
  if (known?.words === away && hasProxy())
    details.push('HTTPS_PROXY is set: kubectl asks that proxy for every address NO_PROXY does not name')
  return new KitError(known?.what ?? `kubectl ${words[0]} ${words[1]} failed (exit ${code})`, {
    exitCode: known?.exitCode ?? exitCodes.rolloutFailed,
    details,
    hint: known?.hint ?? 'the lines above are kubectl’s own; the log has the whole command',
  })
}

const hasProxy = (): boolean =>
  ['HTTPS_PROXY', 'https_proxy'].some((name) => (process.env[name] ?? '') !== '')
