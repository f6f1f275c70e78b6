import { shortened } from '../../../lib/base/sensitive.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { paths, unitOf } from '../host/paths.mts'
import { tokensSection } from './token-errors.mts'

/** A known reason why a unit does not start: K3s' message, and what it means. */
export interface Reason {
  readonly says: RegExp
  readonly means: string
  /** K3s retries for ever without success: an operator must do something. */
  readonly isFinal?: true
  /** Also logged during a normal start: it is the reason only where K3s logs little else. */
  readonly isCommon?: true
  /** What to do, for the host called `name` whose `unit` does not start. */
  readonly fix: (name: string, unit: string) => string
}

/** The known reasons, with the messages of K3s v1.36.3 (each was provoked on it). */
const reasons: readonly Reason[] = [
  {
    says: /token CA hash does not match/,
    means: 'its token is of a cluster with another CA',
    isFinal: true,
    fix: (name) =>
      `it joins by the address behind server: in ${paths.config} of ${name}: another cluster answers there`,
  },
  {
    says: /Node password rejected|unable to verify (node identity|password)/,
    means: 'the cluster knows another machine by its name',
    isFinal: true,
    // With the Node of a master K3s takes its member out of etcd, also one that lives.
    fix: (name, unit) =>
      unit === unitOf('server')
        ? 'run module 9 again: it takes out what this machine was before it was installed anew'
        : `kubectl delete node ${name}: it then joins by itself`,
  },
  {
    // A server with a database that is refused by the one it joined by, as after a rotation, goes on with its own copy.
    says: /^(?!.*Unable to reconcile with remote datastore).*\bnot authorized\b/,
    means: 'its token is refused',
    isFinal: true,
    fix: (name) =>
      `token: in ${paths.config} of ${name} must be what stands in ${paths.server}/token of a master (of a worker: server/agent-token)`,
  },
  {
    says: /duplicate node name found/,
    means: 'etcd has a member by its name from before it was installed anew',
    fix: () => 'run module 9 again: it takes that member out, and lets this machine join anew',
  },
  {
    says: /has been removed from the cluster|tombstone file has been detected/,
    means: 'etcd has put it out of the cluster',
    fix: () => 'run module 9 again: it lets this machine join anew',
  },
  {
    says: /member has been permanently removed|data inconsistency with peers|cluster ID mismatch/,
    means: 'its database is not of the cluster the others are now, as after a reset or a restored snapshot',
    fix: (name) =>
      `on ${name}: systemctl stop k3s; mv ${paths.server}/db ${paths.server}/db.away; then run module 9 again: it joins anew`,
  },
  {
    says: /cred\/passwd\b.* newer than datastore/,
    means: 'it was started with another token than the cluster has, and keeps that',
    fix: (name) =>
      `on ${name}: systemctl stop k3s; token: and agent-token: of ${paths.config}, where they were changed, as the cluster has them; rm ${paths.passwd}; systemctl start k3s. ${tokensSection}`,
  },
  {
    says: /encrypted with different token/,
    means: 'its server token is not the one the cluster has',
    fix: (name) =>
      `token: of ${paths.config} of ${name}, and K3S_TOKEN of 09_k3s.env, must be the one that was given to k3s token rotate, or that of the snapshot that was restored. ${tokensSection}`,
  },
  {
    says: /no space left on device/i,
    means: 'a disk is full',
    fix: (name) => `on ${name}: df -h /var/lib/rancher /var/lib/kubelet /tmp`,
  },
  {
    says: /too many open files/,
    means: 'the kernel has no inotify instance left',
    fix: () => 'run 09_k3s_01_prepare: it raises fs.inotify.max_user_instances',
  },
  {
    // K3s brings its own program: with that one it is the kernel that refuses.
    says: /iptables is not available on this host/,
    means: 'no iptables works there',
    fix: (name) =>
      `on ${name}: iptables -t nat -S tells why; where there is none, install the package iptables; where it fails, the kernel lacks what host.module-netfilter looks for`,
  },
  {
    says: /no route to host|network is unreachable|connection refused|i\/o timeout/,
    means: 'it does not reach a server',
    isCommon: true,
    fix: (name) => `from ${name}: curl -k https://MASTER:6443/ping; then the firewalls between them`,
  },
]

/** Lines of components that log much while the API server is unavailable: klog except fatal, and etcd's JSON. */
const noise = /^(\S+: )?([IWE]\d{4} \d\d:\d\d|\{"level":|Trace\[)/

/** What K3s logs when it gives up. */
const lastWord = /level=fatal|Shutdown request received/

/**
 * What systemd logs about processes that outlive the service, as seen on systemd 252: two lines at every restart for
 * each containerd-shim, since pods continue when K3s ends. They would displace the lines of the service itself.
 */
const aboutLeftovers =
  /: (Unit process \d+ .* remains running after unit stopped|Found left-over process \d+ .* in control group|This usually indicates unclean termination)/

const isReason = (line: string): boolean =>
  reasons.some(({ says, isCommon }) => isCommon !== true && says.test(line))

/** The lines of the service itself, the newest last. Each is cut: a regular expression with .* takes quadratic time. */
function ownLines(journal: string): string[] {
  const own = journal
    .trim()
    .split('\n')
    .map((line) => shortened(line, 4000))
    .filter((line) => !aboutLeftovers.test(line))
  const telling = own.filter((line) => !noise.test(line) || isReason(line))
  return telling.length === 0 ? own : telling
}

/** Number of newest lines in which a reason is looked for: several restarts of a service that ends at once. */
const recent = 60

/** A common reason counts when at least `few` of the newest `most` lines say it. */
const [few, most] = [3, 12]

/** A reason that was found in a journal. */
export interface Found {
  readonly reason: Reason
  /** The newest line that says it. */
  readonly line: string
  /** How many of the searched lines say it. */
  readonly times: number
  /** The line with which K3s gave up after that; undefined without one. */
  readonly last: string | undefined
}

/** The newest known reason in a journal; undefined without one. Pure. */
export function reasonIn(journal: string): Found | undefined {
  const lines = ownLines(journal).slice(-recent)
  const isCommonNow = lines.slice(-most).filter(saysCommon).length >= few
  const at = lines.findLastIndex((line) => isReason(line) || (isCommonNow && saysCommon(line)))
  const line = lines[at] ?? ''
  const reason = reasons.find(({ says }) => says.test(line))
  if (at < 0 || reason === undefined) return undefined
  const last = lines.slice(at + 1).findLast((one) => lastWord.test(one))
  return {
    reason,
    line: shortened(line, 400),
    times: lines.filter((one) => reason.says.test(one)).length,
    last: last && shortened(last, 400),
  }
}

const saysCommon = (line: string): boolean =>
  reasons.some(({ says, isCommon }) => isCommon === true && says.test(line))

/** At most 12 of the newest lines of a unit's journal that may say why it ended, each cut to 200 characters. Pure. */
export const lastWordsIn = (journal: string): string[] =>
  ownLines(journal)
    .slice(-12)
    .map((line) => shortened(line, 200))

/**
 * Reads the journal of a unit on a host: the line that says why it does not start, with what to do; else its last
 * lines.
 * @throws KitError exit 3, 6, 9, 130 or 143, see Host.read
 */
export async function lastWordsOf(host: Host, unit: string): Promise<string[]> {
  const { stdout } = await host.read(['journalctl', '-u', unit, '-n', '400', '--no-pager', '-o', 'cat'])
  const found = reasonIn(stdout)
  if (found === undefined) return [`the last words of ${unit}:`, ...lastWordsIn(stdout)]
  const { reason, line, last } = found
  return [
    `${unit}: ${line}`,
    ...(last === undefined ? [] : [`${unit}, at last: ${last}`]),
    `${reason.means}: ${reason.fix(host.name, unit)}`,
  ]
}
