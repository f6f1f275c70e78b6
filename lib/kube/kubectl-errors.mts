import { exitCodes, KitError, type ExitCode } from '../base/errors.mts'
import type { Finished } from '../base/command.mts'
import { shortened } from '../base/sensitive.mts'

// What kubectl's errors mean, and their exit codes.

interface Refusal {
  readonly words: RegExp
  readonly what: string
  readonly exitCode: ExitCode
  readonly hint: string
}

/** Errors of an API server that may answer again in a moment: Go's network errors, and its own for overload. */
const away = new RegExp(
  [
    // The connection was not established.
    'refused|no route|dial tcp|unable to connect|no such host|unreachable|TLS handshake timeout',
    // The connection was lost, or timed out: either the server's timeout or kubectl's may end first.
    'connection reset|broken pipe|EOF|GOAWAY|client connection lost|closed idle connection|i/o timeout',
    'Client\\.Timeout|request canceled|deadline exceeded|Handler timeout|in the time allotted',
    // The API server answers with an error: it starts, stops, is overloaded, or its etcd hangs.
    'etcdserver|ServiceUnavailable|currently unable to handle the request|\\((Server)?Timeout\\)|received too many requests',
  ].join('|'),
  'i',
)

/** A proxy refused kubectl's CONNECT (Go prints only its HTTP status text), or no proxy answers at its address. */
const proxyRefuses =
  /proxyconnect|connect to the server: (Forbidden|Proxy Authentication Required|Method Not Allowed|Bad Gateway|Service Unavailable|Gateway Timeout)$/m

/** kubectl's messages and their meaning; the first that matches counts. */
const refusals: readonly Refusal[] = [
  {
    words: /exceeded quota/,
    what: 'the namespace’s quota does not allow it',
    exitCode: exitCodes.rolloutFailed,
    hint: 'raise the ResourceQuota named above, or lower the module’s maxima',
  },
  {
    words: /spec\.resources\.requests\.storage: Forbidden: field can not be less than/,
    what: 'a volume is larger than its setting says: volumes do not shrink',
    exitCode: exitCodes.worldMoved,
    hint: 'set the size back to what it was: kubectl get persistentvolumeclaims --all-namespaces   shows it',
  },
  {
    words: /only dynamically provisioned pvc can be resized/,
    what: 'the StorageClass of a volume does not let it grow',
    exitCode: exitCodes.worldMoved,
    hint: 'set the size back to what it was, or use a StorageClass with allowVolumeExpansion',
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

/** Characters of kubectl's stderr that are searched. */
const mostWords = 20_000

/** The resourceVersion that was sent is no longer the object's (HTTP 409). */
const isModified = /the object has been modified/

/** Exit 5: an object was written by another client after it was read. */
export class ObjectModified extends KitError {
  constructor(details: readonly string[]) {
    super('the object was changed by somebody else since it was compared', {
      exitCode: exitCodes.worldMoved,
      details,
      hint: 'run the same command again; see who else writes to it: kubectl get ... -o yaml --show-managed-fields',
    })
  }
}

/**
 * The error for a kubectl command that failed: what its stderr means and what to do.
 * @param words the command's arguments: `get`, `pods`
 * @returns ObjectModified (5), or KitError exit 5 (namespace is being deleted), 6 (API server or proxy unreachable), 7
 * (certificate not trusted), 8 (unauthorized, forbidden), 9 (all others: quota, webhook, unknown)
 */
export function kubectlError(
  words: readonly string[],
  { code, stderr: said }: Pick<Finished, 'code' | 'stderr'>,
): KitError {
  const stderr = shortened(said, mostWords)
  // kubectl's advice after a conflict is about its own flags.
  const details = stderr
    .replace(/\n?Please review the fields above--[\s\S]*/, '')
    .trim()
    .split('\n')
    // klog lines repeat the last line, with source positions of kubectl.
    .filter((line) => line !== '' && !/^[EIW]\d{4} /.test(line))
    .slice(-4)
  if (isModified.test(stderr)) return new ObjectModified(details)
  const known = refusals.find((refusal) => refusal.words.test(stderr))
  // kubectl's error about an unreachable server does not mention the proxy it used.
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
