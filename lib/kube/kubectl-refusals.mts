import { exitCodes, type ExitCode } from '../base/errors.mts'

// Messages of kubectl itself, where no API server has answered: what they mean, and their exit codes. kubectl gives them
// as text alone. server-refusals.mts has the answers of the API server.

/** One of kubectl's messages and its meaning. */
export interface Refusal {
  readonly words: RegExp
  /** @param found the match of `words` */
  readonly what: string | ((found: readonly string[]) => string)
  readonly exitCode: ExitCode
  readonly hint: string
}

/** What it means that an API server does not answer, or asks to be left alone for now: it may answer again soon. */
export const unreachable = {
  what: 'the API server cannot be reached',
  exitCode: exitCodes.unreachable,
  hint: 'check the server address in the kubeconfig, the network, and that K3s runs on the masters',
} as const

/** Errors of a connection, most of them Go's: of kubectl to an API server, and of an API server to etcd. */
export const noConnection = new RegExp(
  [
    // It was not established.
    'refused|no route|dial tcp|unable to connect|no such host|unreachable|TLS handshake timeout',
    // It was lost, or timed out: either the server's timeout or kubectl's may end first.
    'connection reset|broken pipe|EOF|GOAWAY|client connection lost|closed idle connection|i/o timeout',
    'Client\\.Timeout|request canceled|deadline exceeded|Handler timeout',
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
    words: proxyRefuses,
    what: 'the proxy of this machine does not let kubectl through to the API server',
    exitCode: exitCodes.unreachable,
    hint: 'name the API server’s address in NO_PROXY, or correct HTTPS_PROXY',
  },
  {
    words: /certificate has expired|certificate signed by unknown|x509|tls: /,
    what: 'the API server’s certificate or this kubeconfig’s is not trusted',
    exitCode: exitCodes.trust,
    hint: 'check that the kubeconfig belongs to this cluster and has not expired; copy a new one from a master',
  },
  {
    words: /unable to upgrade connection: (Unauthorized|Forbidden)/,
    what: 'the node does not let the API server run programs in its pods',
    exitCode: exitCodes.denied,
    hint: 'its kubelet does not know this API server: its certificates belong to another cluster, or have expired; the journal of K3s on that node says which',
  },
  { words: noConnection, ...unreachable },
]
