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
    words: /exec: executable \S+ not found|no Auth Provider found|auth plugin (has been|was) removed/,
    what: 'the kubeconfig logs in by a program that is not on this machine',
    exitCode: exitCodes.preflight,
    hint: 'install the program named above, or put a kubeconfig with a client certificate or token in its place',
  },
  {
    words: /exec plugin cannot support interactive mode/,
    what: 'the login program of the kubeconfig needs a terminal',
    exitCode: exitCodes.denied,
    hint: 'sign in by hand first, so that it has a session: kubectl --kubeconfig FILE get namespaces',
  },
  {
    words: /getting credentials: /,
    what: 'the login program of the kubeconfig gave no credentials',
    exitCode: exitCodes.denied,
    hint: 'its session has expired, or it is set up for another account: sign in with it by hand, then run the same command again',
  },
  {
    words: /database space exceeded|etcdserver: no space/,
    what: 'the database of etcd is full: the cluster accepts no write until it is made smaller',
    exitCode: exitCodes.rolloutFailed,
    hint: 'on a master, with etcdctl and the certificates in /var/lib/rancher/k3s/server/tls/etcd: compact, defrag on each member, alarm disarm; or raise quota-backend-bytes (etcd-arg) first',
  },
  {
    words: /etcdserver: request is too large|Request entity too large|message larger than max/i,
    what: 'an object is larger than the cluster stores (1.5 MiB)',
    exitCode: exitCodes.rolloutFailed,
    hint: 'shorten the files or lists in its settings: the object is named above, or in the log',
  },
  {
    words: /etcdserver: corrupt/,
    what: 'etcd reports that its database is corrupt',
    exitCode: exitCodes.rolloutFailed,
    hint: 'etcdctl alarm list names the member; restore it from its peers or from a snapshot before anything is written',
  },
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

/** Characters of kubectl's stderr that are searched. */
const mostWords = 20_000

/** Lines of kubectl's logger (klog): what it tried on the way, such as a metrics API that is still starting. */
const isLogged = (line: string): boolean => /^[EIWF]\d{4} /.test(line)

/**
 * The lines of stderr that say why the command failed: not those of kubectl's logger, nor warnings of the API server.
 * All of them when there are no others.
 */
function reasonsIn(stderr: string): string[] {
  const lines = stderr.split('\n').filter((line) => line !== '')
  const reasons = lines.filter((line) => !isLogged(line) && !line.startsWith('Warning: '))
  return reasons.length === 0 ? lines : reasons
}

/** The program in a pod has ended with this code: the words before it are its own, not the API server's. */
const endedInPod = /command terminated with exit code (\d+)/

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
 * @returns ObjectModified (5), or KitError exit 3 (a login program is missing), 5 (namespace is being deleted), 6 (API
 * server or proxy unreachable), 7 (certificate not trusted), 8 (unauthorized, forbidden), 9 (all others: quota, webhook,
 * etcd is full, unknown)
 */
export function kubectlError(
  words: readonly string[],
  { code, stderr: said }: Pick<Finished, 'code' | 'stderr'>,
): KitError {
  const stderr = shortened(said, mostWords)
  const reasons = reasonsIn(stderr).join('\n')
  // kubectl's advice after a conflict is about its own flags.
  const details = stderr
    .replace(/\n?Please review the fields above--[\s\S]*/, '')
    .trim()
    .split('\n')
    // klog lines repeat the last line, with source positions of kubectl.
    .filter((line) => line !== '' && !isLogged(line))
    .slice(-4)
  if (isModified.test(reasons)) return new ObjectModified(details)
  const known =
    words[0] === 'exec' && endedInPod.test(reasons)
      ? undefined
      : refusals.find((refusal) => refusal.words.test(reasons))
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
