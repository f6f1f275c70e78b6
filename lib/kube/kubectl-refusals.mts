import { exitCodes, type ExitCode } from '../base/errors.mts'

// kubectl's messages, what they mean, and their exit codes: a table.

/** One of kubectl's messages and its meaning. */
export interface Refusal {
  readonly words: RegExp
  /** @param found the match of `words` @param object what was refused, see objectIn */
  readonly what: string | ((found: RegExpExecArray, object: string) => string)
  readonly exitCode: ExitCode
  readonly hint: string | ((found: RegExpExecArray) => string)
  /** True when a rule of the cluster refuses an object: the error then says what the run has written before. */
  readonly isAdmission?: true
}

/** Errors of an API server that may answer again soon: Go's network errors, and its own for overload. */
export const away = new RegExp(
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
export const refusals: readonly Refusal[] = [
  {
    // K3s as kubectl unpacks itself first: to /var/lib/rancher as root, else to ~/.rancher. Without HOME, or where that is
    // read-only, it says "no such file or directory" and no path.
    words: /Error: extracting data: (.*?)"?$/m,
    what: ([, why = '']) => `k3s kubectl cannot unpack its programs on this machine: ${why}`,
    exitCode: exitCodes.preflight,
    hint: 'export K3S_DATA_DIR=FOLDER, one this user may write to, with 300 MB free (without it: /var/lib/rancher as root, else ~/.rancher), then run the same command again; or set KEYBUZZ_KUBECTL to another kubectl',
  },
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
    hint: 'sign in with it by hand first, so that it has a session; then run the same command again',
  },
  {
    words: /getting credentials: /,
    what: 'the login program of the kubeconfig gave no credentials',
    exitCode: exitCodes.denied,
    hint: 'its session has expired, or it is set up for another account: sign in with it by hand, then run the same command again',
  },
  {
    words: /spec\.resources\.requests\.storage: Forbidden: field can not be less than/,
    what: 'a volume is larger than its setting says: volumes do not shrink',
    exitCode: exitCodes.conflict,
    hint: 'set the size back to what it was: kubectl get persistentvolumeclaims --all-namespaces   shows it',
  },
  {
    words: /only dynamically provisioned pvc can be resized/,
    what: 'the StorageClass of a volume does not let it grow',
    exitCode: exitCodes.conflict,
    hint: 'set the size back to what it was, or use a StorageClass with allowVolumeExpansion',
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
    what: (_found, object) => `the namespace’s quota does not allow ${object}`,
    exitCode: exitCodes.rolloutFailed,
    isAdmission: true,
    hint: 'raise the ResourceQuota named above, or lower the module’s maxima',
  },
  {
    words: /ValidatingAdmissionPolicy '([^']+)' with binding '([^']+)' denied request/,
    what: ([, policy], object) => `the admission policy ${policy} of the cluster denies ${object}`,
    exitCode: exitCodes.denied,
    isAdmission: true,
    hint: ([, policy, binding]) =>
      `kubectl get validatingadmissionpolicy ${policy} -o yaml   shows its rule, validatingadmissionpolicybinding ${binding} where it counts: ask its owner for an exception, or meet it`,
  },
  {
    words: /admission webhook "([^"]+)" denied the request/,
    what: ([, webhook], object) => `the admission webhook ${webhook} of the cluster denies ${object}`,
    exitCode: exitCodes.denied,
    isAdmission: true,
    hint: 'its words are above: it belongs to another software of the cluster. Ask its owner for an exception, or meet its rule',
  },
  {
    words: /violates PodSecurity "([^"]+)"/,
    what: ([, level], object) => `Pod Security (${level}) of the namespace denies ${object}`,
    exitCode: exitCodes.denied,
    isAdmission: true,
    hint: 'the fields it objects to are above: another tool has changed the namespace’s pod-security labels, or what is asked for needs more',
  },
  {
    words: /failed calling webhook/,
    what: 'an admission webhook of the cluster does not answer',
    exitCode: exitCodes.rolloutFailed,
    isAdmission: true,
    hint: 'the webhook named above belongs to another software of the cluster: repair it, or take it away',
  },
  {
    words: /forbidden: \[?(maximum|minimum) \S+ usage per (Container|Pod)/,
    what: (_found, object) => `a LimitRange of the namespace does not allow ${object}`,
    exitCode: exitCodes.rolloutFailed,
    isAdmission: true,
    hint: 'kubectl get limitranges --all-namespaces   shows it: change it, or the module’s settings',
  },
  {
    words: /(?:in namespace (\S+) )?because it is being terminated/,
    what: 'its namespace is being deleted',
    exitCode: exitCodes.conflict,
    hint: ([, namespace = '']) =>
      `kubectl get namespaces ${namespace} -o yaml   shows which finalizer it still waits for; run again when it is gone`,
  },
  {
    words: proxyRefuses,
    what: 'the proxy of this machine does not let kubectl through to the API server',
    exitCode: exitCodes.unreachable,
    hint: 'name the API server’s address in NO_PROXY, or correct HTTPS_PROXY',
  },
  {
    words: /error trying to reach service|error dialing backend|no endpoints available for service/,
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

/** The object that a refusal itself names: `deployments "n8n"`, or the file it came from. */
function namedIn(text: string): string | undefined {
  const [, kind, name] = /(?:The )?([\w.]+) "([^"]+)" is (?:invalid|forbidden)/.exec(text) ?? []
  const [, path] = /error when \w+ "([^"]+)"/.exec(text) ?? []
  if (kind !== undefined) return `${kind} "${name}"`
  return path === 'STDIN' ? undefined : path
}

/**
 * The object of a refusal. A webhook's words need not name it ("admission webhook ... denied the request: ..."): then
 * it is the one that was sent.
 * @param sent its name
 */
export const objectIn = (text: string, sent = 'it'): string => namedIn(text) ?? sent
