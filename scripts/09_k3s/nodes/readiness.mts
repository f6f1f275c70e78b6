import type { Host } from '../../../lib/hosts/host.mts'
import { quorumLost } from '../../../lib/hosts/quorum-lost.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import type { Condition } from '../../../lib/base/poll.mts'
import { paths, unitOf } from '../host/paths.mts'
import { kubectlWords } from './kubectl.mts'
import { lastWordsOf, reasonIn } from './journal.mts'
import { membersPart } from './member-list.mts'
import { isMemberOf, membersIn, memberProblems, type Without } from './members.mts'
import { unitIn, unitWords } from './unit-state.mts'
import { viewOfWorkers } from './workers-view.mts'

// When a server or a worker is healthy: the next one is only started after that.

/** Seconds until a server or a worker must be ready. */
const timeoutSeconds = 300

/** Restarts by systemd after which a service is assumed not to start by itself. */
const mostRestarts = 4

const failed = 'its service failed'
const again = 'its service ends again and again'
const refused = 'it is refused'
const notAnew = 'its service has not started anew yet'

/** Of a server that waits for the votes of others: it becomes ready once they run, and a restart does not help. */
export const leaderless = 'its etcd has no leader'

/** Of a server whose Node does not exist. */
export const nodeless = 'it has no Node yet'

/** Refusals in the journal, one every 2 to 6 s, after which the cause is no longer a server that just starts. */
const mostRefusals = 3

/** POSIX shell: the state of one server in one round trip, lines `KEY=VALUE`. $1 is its name. */
const serverScript = `k() { ${kubectlWords('--request-timeout=5s').join(' ')} "$@" 2>/dev/null; }
${unitWords('k3s')}
echo "program=$(${paths.binary} --version 2>/dev/null | sed -n 's/^k3s version \\([^ ]*\\).*/\\1/p')"
r=$(k get --raw /readyz)
echo "readyz=$r"
[ "$r" = ok ] || curl -sm2 http://127.0.0.1:2381/health
echo
echo "node=$(k get node "$1" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.nodeInfo.kubeletVersion}')"
echo "voters=$(k get nodes -o 'jsonpath={range .items[*]}{.metadata.name}:{.status.conditions[?(@.type=="EtcdIsVoter")].status} {end}')"
${membersPart}`

/**
 * Reads what a server still lacks: an active service, the API, a Ready Node, the version, votes in etcd.
 * @param without the servers whose votes are not checked; its own vote always is
 * @returns phrases, joined by commas; empty when the server is healthy
 * @throws KitError exit 3, 6, 9, 130 or 143, see Host.read
 */
export async function missingOf(server: Host, without: Without = 'others'): Promise<string> {
  return missingIn(await ask(server), server, without).join(', ')
}

async function ask(server: Host): Promise<string> {
  const shown = 'ask whether this server is healthy'
  return (await readScript(server, serverScript, [server.name], { timeoutSeconds: 30, shown })).stdout
}

/**
 * What a server lacks, by the output of serverScript. Pure.
 * @param before InvocationID of the previous start: while systemd still reports it, the answers are those of the
 *   process that is ending
 */
export function missingIn(
  text: string,
  { address }: Pick<Host, 'address'>,
  without: Without,
  before?: string,
): string[] {
  const said = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1]?.trim() ?? ''
  const unit = unitIn(text)
  if (before !== undefined && unit.invocation === before) return [unit.state === 'failed' ? failed : notAnew]
  const [ready, version] = said('node').split(' ')
  const missing =
    said('readyz') === 'ok'
      ? [
          ...(unit.state === 'active' ? [] : ['its service is not active yet']),
          ...(ready === 'True' ? [] : [ready === '' ? nodeless : 'its Node is not Ready yet']),
          ...(ready !== 'True' || version === said('program')
            ? []
            : [`its Node still tells ${version}, not ${said('program')}`]),
          ...memberProblems(membersIn(text), said('voters'), address, without),
        ]
      : [text.includes('RAFT NO LEADER') ? leaderless : silent]
  if (missing.length === 0) return []
  if (unit.state === 'failed') return [failed]
  return unit.restarts >= mostRestarts ? [again, ...missing] : missing
}

/** What a wait for a server needs to know. */
export interface Waiting {
  /** InvocationID of the start that the restart has ended; undefined when the service was not restarted. */
  readonly before?: string | undefined
  /** Every server with etcd data: while there is no leader, the message says how many of them run. */
  readonly members?: readonly Host[]
  /** Called once, when a tombstone appears: etcd has removed this server, and it needs another start to join again. */
  readonly onTombstone?: (() => Promise<void>) | undefined
}

const silent = 'its API does not answer yet'

/**
 * The condition that a server is healthy, see missingOf, by a start after `before`. Its functions throw KitError exit
 * 3, 6, 9, 130 or 143, see Host.read, and what `onTombstone` throws.
 */
export function serverIsHealthy(
  server: Host,
  { before, members = [], onTombstone }: Waiting = {},
): Condition {
  let isPutOut = false
  let hasLeader = true
  return {
    ...awaited(server, 'server'),
    async missing() {
      const missing = missingIn(await ask(server), server, 'others', before).join(', ')
      const isSilent = missing.includes(silent) || missing.includes(leaderless)
      if (onTombstone !== undefined && isSilent && !isPutOut && (await hasTombstone(server))) {
        isPutOut = true
        await onTombstone()
        return 'etcd has put it out of the cluster: it starts once more, to join anew'
      }
      hasLeader = !missing.includes(leaderless)
      return hasLeader ? missing : `${missing}${await running(members)}`
    },
    lastLogLines: async () => [
      ...(await lastWordsOf(server, unitOf('server'))),
      ...(hasLeader ? [] : [quorumLost]),
    ],
  }
}

const hasTombstone = async (server: Host): Promise<boolean> =>
  (await server.read(['test', '-e', paths.tombstone])).code === 0

/** How many servers run or start, in words: etcd has a leader once a majority runs. Empty for fewer than two. */
async function running(members: readonly Host[]): Promise<string> {
  if (members.length < 2) return ''
  const words = ['systemctl', 'is-active', 'k3s']
  const states = await Promise.all(members.map(async (one) => (await one.read(words)).stdout.trim()))
  const away = members.filter((_, at) => !states[at]?.startsWith('activ')).map(({ name }) => name)
  const off = away.length === 0 ? '' : `, not on ${away.join(', ')}`
  return `: K3s runs on ${members.length - away.length} of ${members.length} servers${off}`
}

/** Finds the first healthy server; undefined when none is. @throws KitError exit 3, 6, 9, 130 or 143, see Host.read */
export async function healthyServer(servers: readonly Host[]): Promise<Host | undefined> {
  for (const server of servers) if ((await missingOf(server)) === '') return server
  return undefined
}

/** The condition that etcd no longer lists a server. @param server a healthy one that stays */
export const memberGone = (leaving: Host, server: Host): Condition => ({
  ...awaited(server, 'server'),
  what: `the quorum without ${leaving.name}`,
  async missing() {
    const members = membersIn(await ask(server))
    if (members === undefined) return 'its members cannot be asked'
    return members.some((one) => isMemberOf(one, leaving)) ? 'it still has its vote' : ''
  },
})

// Only the journal of the current start: a refusal of an earlier one may concern another token.
const workerScript = `u=$(${unitWords('k3s-agent')})
echo "$u"
case $u in *ActiveState=active*) ;; *) journalctl "_SYSTEMD_INVOCATION_ID=$(echo "$u" | sed -n 's/^InvocationID=//p')" -n 60 -o cat --no-pager ;; esac`

/**
 * The condition that the service of a worker is active and its Node Ready.
 * @param server a healthy one
 * @param before InvocationID of the start that the restart has ended; undefined when the service was not restarted
 */
export const readyWorker = (worker: Host, server: Host, before?: string): Condition => ({
  ...awaited(worker, 'agent'),
  async missing() {
    // A Node stays Ready for some time after its service has ended: so both are checked.
    const shown = 'ask whether the agent runs'
    const text = (await worker.read(['sh', '-c', workerScript], { shown })).stdout
    const { state, restarts, invocation } = unitIn(text)
    if (state === 'failed') return failed
    if (before !== undefined && invocation === before) return notAnew
    if (state === 'active' && (await viewOfWorkers(server)).ready?.has(worker.name) === true) return ''
    const missing = state === 'active' ? 'its Node is not Ready yet' : whyNot(text)
    return restarts >= mostRestarts ? `${again}, ${missing}` : missing
  },
})

/** Why an agent does not become active: K3s retries for ever, and reports the reason only in its journal. */
function whyNot(journal: string): string {
  const { reason, times = 0 } = reasonIn(journal) ?? {}
  if (reason?.isFinal !== true) return 'its service has not started yet'
  return times < mostRefusals ? reason.means : `${refused}: ${reason.means}`
}

function awaited(host: Host, role: 'server' | 'agent'): Omit<Condition, 'missing'> {
  const unit = unitOf(role)
  return {
    what: host.name,
    seconds: timeoutSeconds,
    isFatal: (missing) => [failed, again, refused].some((one) => missing.includes(one)),
    lastLogLines: () => lastWordsOf(host, unit),
    hint: `repair that on ${host.name} (journalctl -u ${unit}), then run module 9 again: it goes on from here`,
  }
}
