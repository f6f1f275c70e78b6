import { shortened } from '../../../lib/base/sensitive.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { paths } from '../host/paths.mts'

/** Why a unit does not come, in K3s' own words, and what they mean. */
export interface Reason {
  readonly says: RegExp
  readonly means: string
  /** K3s tries again for ever, and it does not help: nothing changes until a person does. */
  readonly isFinal?: true
  /** Said in passing by every start too: it is the reason only where K3s says little else. */
  readonly isCommon?: true
  /** What to do, for the host called `name`. */
  readonly fix: (name: string) => string
}

/** Which of K3s' messages say it, as K3s v1.36.3 writes them (each was provoked on it). */
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
    fix: (name) => `kubectl delete node ${name}: it then joins by itself`,
  },
  {
    says: /\bnot authorized\b/,
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
    says: /encrypted with different token|newer than datastore/,
    means: 'its tokens are not those its database was made with',
    fix: () => 'put K3S_TOKEN and K3S_AGENT_TOKEN of 09_k3s.env back from your backup',
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
    says: /no route to host|network is unreachable|connection refused|i\/o timeout/,
    means: 'it does not reach a server',
    isCommon: true,
    fix: (name) => `from ${name}: curl -k https://MASTER:6443/ping; then the firewalls between them`,
  },
]

/** Lines of the parts K3s runs, which say much while the API is away: klog without its fatal ones, etcd's JSON. */
const noise = /^(\S+: )?([IWE]\d{4} \d\d:\d\d|\{"level":|Trace\[)/

/** What K3s says as it gives up. */
const lastWord = /level=fatal|Shutdown request received/

/**
 * What systemd says of every process that outlives the service (containerd-shim: the pods go on when K3s ends, two
 * lines for each at every restart), seen on systemd 252: it buries what the service said itself.
 */
const aboutLeftovers =
  /: (Unit process \d+ .* remains running after unit stopped|Found left-over process \d+ .* in control group|This usually indicates unclean termination)/

const isReason = (line: string): boolean =>
  reasons.some(({ says, isCommon }) => isCommon !== true && says.test(line))

/** What the service itself says, the newest lines last, each cut: an expression with .* takes the square of a length. */
function ownLines(journal: string): string[] {
  const own = journal
    .trim()
    .split('\n')
    .map((line) => shortened(line, 4000))
    .filter((line) => !aboutLeftovers.test(line))
  const telling = own.filter((line) => !noise.test(line) || isReason(line))
  return telling.length === 0 ? own : telling
}

/** Lines in which a reason is looked for: some restarts of a service that ends at once. */
const recent = 60

/** Of the newest lines, how many must say a common reason until it is one. */
const [few, most] = [3, 12]

/** Why, by the newest line that says it, and how often it was said. */
export interface Found {
  readonly reason: Reason
  readonly line: string
  readonly times: number
  /** What K3s said as it gave up after that, where that is something else. */
  readonly last: string | undefined
}

/** The newest of the known reasons in a journal; undefined without one. Pure. */
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

/** The newest lines of a unit's journal that tell why it ended, each cut to what fits a screen. Pure. */
export const lastWordsIn = (journal: string): string[] =>
  ownLines(journal)
    .slice(-12)
    .map((line) => shortened(line, 200))

/** What this unit said last on this host: the line that says why it does not come, and what to do; else its last lines. */
export async function lastWordsOf(host: Host, unit: string): Promise<string[]> {
  const { stdout } = await host.read(['journalctl', '-u', unit, '-n', '400', '--no-pager', '-o', 'cat'])
  const found = reasonIn(stdout)
  if (found === undefined) return [`the last words of ${unit}:`, ...lastWordsIn(stdout)]
  const { reason, line, last } = found
  return [
    `${unit}: ${line}`,
    ...(last === undefined ? [] : [`${unit}, at last: ${last}`]),
    `${reason.means}: ${reason.fix(host.name)}`,
  ]
}
