import { exitCodes, type ExitCode } from '../base/errors.mts'
import type { Cause } from './refused.mts'
import { noConnection, unreachable } from './kubectl-refusals.mts'

// What the API server's refusals mean, and their exit codes: a table. HTTP status, reason and causes decide. Words decide
// only where the Status object has no data: which admission rule refused, and what etcd says.

/** Answers of one kind and their meaning. */
export interface RefusalRow {
  /** HTTP statuses; all when absent, such as for a webhook, which chooses its own. */
  readonly statuses?: readonly number[]
  /** Status.reason. */
  readonly reason?: string
  /** A cause that the Status must give. */
  readonly cause?: Cause
  /** What the message must say, for what the Status gives no data. */
  readonly words?: RegExp
  /** @param found the match of `words` @param object what was refused */
  readonly what: string | ((found: RegExpExecArray, object: string) => string)
  readonly exitCode: ExitCode
  /** @param namespace that of the object that was sent, empty without one */
  readonly hint: string | ((found: RegExpExecArray, namespace: string) => string)
  /** True when a rule of the cluster refuses an object: the error then says what the run has written before. */
  readonly isAdmission?: true
}

/** The refusals the kit knows; the first that matches counts. */
export const serverRefusals: readonly RefusalRow[] = [
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
    words: /failed calling webhook/,
    what: 'an admission webhook of the cluster does not answer',
    exitCode: exitCodes.rolloutFailed,
    isAdmission: true,
    hint: 'the webhook named above belongs to another software of the cluster: repair it, or take it away',
  },
  {
    statuses: [422],
    cause: { reason: 'FieldValueForbidden', field: 'spec.resources.requests.storage' },
    what: 'a volume is larger than its setting says: volumes do not shrink',
    exitCode: exitCodes.conflict,
    hint: 'set the size back to what it was: kubectl get persistentvolumeclaims --all-namespaces   shows it',
  },
  {
    statuses: [403],
    cause: { reason: 'NamespaceTerminating' },
    what: 'its namespace is being deleted',
    exitCode: exitCodes.conflict,
    hint: (_found, namespace) =>
      `kubectl get namespaces ${namespace} -o yaml   shows which finalizer it still waits for; run again when it is gone`,
  },
  {
    statuses: [403],
    words: /only dynamically provisioned pvc can be resized/,
    what: 'the StorageClass of a volume does not let it grow',
    exitCode: exitCodes.conflict,
    hint: 'set the size back to what it was, or use a StorageClass with allowVolumeExpansion',
  },
  {
    statuses: [403],
    words: /(exceeded|failed|insufficient|unknown for) quota/,
    what: (_found, object) => `the namespace’s quota does not allow ${object}`,
    exitCode: exitCodes.rolloutFailed,
    isAdmission: true,
    hint: 'raise the ResourceQuota named above, or lower the module’s maxima',
  },
  {
    statuses: [403],
    words: /violates PodSecurity "([^"]+)"/,
    what: ([, level], object) => `Pod Security (${level}) of the namespace denies ${object}`,
    exitCode: exitCodes.denied,
    isAdmission: true,
    hint: 'the fields it objects to are above: another tool has changed the namespace’s pod-security labels, or what is asked for needs more',
  },
  {
    statuses: [403],
    words: /(?:maximum|minimum) \S+ usage per |\S+ max limit to request ratio per /,
    what: (_found, object) => `a LimitRange of the namespace does not allow ${object}`,
    exitCode: exitCodes.rolloutFailed,
    isAdmission: true,
    hint: 'kubectl get limitranges --all-namespaces   shows it: change it, or the module’s settings',
  },
  {
    statuses: [401],
    what: 'the API server does not know this kubeconfig’s user',
    exitCode: exitCodes.denied,
    hint: 'its client certificate or token has expired, or belongs to another cluster: copy a new kubeconfig from a master',
  },
  {
    statuses: [403],
    what: 'the API server forbids it',
    exitCode: exitCodes.denied,
    hint: 'the kubeconfig’s user needs cluster-admin rights',
  },
  // The limit of the API server (413), of etcd, and of the API server's connection to etcd.
  ...[{ statuses: [413] }, { statuses: [500], words: /request is too large|message larger than max/ }].map(
    (which): RefusalRow => ({
      ...which,
      what: 'an object is larger than the cluster stores (1.5 MiB)',
      exitCode: exitCodes.rolloutFailed,
      hint: 'shorten the files or lists in its settings: the object is named above, or in the log',
    }),
  ),
  {
    statuses: [500],
    words: /database space exceeded|etcdserver: no space/,
    what: 'the database of etcd is full: the cluster accepts no write until it is made smaller',
    exitCode: exitCodes.rolloutFailed,
    hint: 'on a master, with etcdctl and the certificates in /var/lib/rancher/k3s/server/tls/etcd: compact, defrag on each member, alarm disarm; or raise quota-backend-bytes (etcd-arg) first',
  },
  {
    statuses: [500],
    words: /etcdserver: corrupt/,
    what: 'etcd reports that its database is corrupt',
    exitCode: exitCodes.rolloutFailed,
    hint: 'etcdctl alarm list names the member; restore it from its peers or from a snapshot before anything is written',
  },
  {
    // 500 and 503: the path leads to a node, pod or Service.
    statuses: [500, 502, 503],
    words: /error trying to reach service|error dialing backend|no endpoints available for service/,
    what: 'the API server answers, but does not reach what it was asked for',
    exitCode: exitCodes.rolloutFailed,
    hint: 'look at the node or the pod named above, and at the way from the masters to it',
  },
  {
    // An eviction that a PodDisruptionBudget does not allow has the status of an overloaded server.
    statuses: [429],
    cause: { reason: 'DisruptionBudget' },
    what: (_found, object) => `a PodDisruptionBudget does not allow ${object}`,
    exitCode: exitCodes.rolloutFailed,
    hint: 'kubectl get poddisruptionbudgets --all-namespaces   shows what each allows: run again when more of its pods are ready',
  },
  // The API server starts, stops or is overloaded, or its etcd does not answer: it may answer again soon.
  // 502 is of a load balancer in front of it.
  { statuses: [429, 502, 503, 504], ...unreachable },
  { statuses: [500], reason: 'ServerTimeout', ...unreachable },
  { statuses: [500], words: /etcdserver|timed out|code = Unavailable/, ...unreachable },
  { statuses: [500], words: noConnection, ...unreachable },
]
