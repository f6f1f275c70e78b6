import type { Host } from '../../../lib/hosts/host.mts'
import { quorumLost } from '../../../lib/hosts/quorum-lost.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import type { Condition } from '../../../lib/base/poll.mts'
import { paths, unitOf } from '../host/paths.mts'
import { lastWordsOf, reasonIn } from './journal.mts'
import { isMemberOf, membersIn, memberProblems, type Without } from './members.mts'
import { serverScript } from './server-script.mts'
import { unitIn, unitWords } from './unit-state.mts'
import { viewOfWorkers } from './workers-view.mts'

// The gate between two nodes: nobody goes on to the next before this one is healthy.

/** Seconds a server or a worker may take until it is ready, without the import of its images. */
const timeoutSeconds = 300

/** Restarts by systemd after which a service will not come up by itself. */
const mostRestarts = 4

const failed = 'its service failed'
const again = 'its service ends again and again'
const refused = 'it is refused'
const notAnew = 'its service has not started anew yet'
const silent = 'its API does not answer yet'

/** What it says that waits for the votes of others. It comes by itself with them, and no start of it helps. */
export const leaderless = 'its etcd has no leader'

/** What it says of a Node that nobody knows. */
export const nodeless = 'it has no Node yet'

/** How often an agent was refused until that is no passing matter of a server that starts: it asks every 2 to 6 s. */
const mostRefusals = 3

/**
 * What a server still lacks; empty when it is healthy: service, API, Node, version, its vote in etcd.
 * @param without the servers whose votes are not asked for beside its own; every other member must have one
 */
export async function missingOf(server: Host, without: Without = 'others'): Promise<string> {
  return missingIn(await ask(server), server, without).join(', ')
}

async function ask(server: Host): Promise<string> {
  const shown = 'ask whether this server is healthy'
  return (await readScript(server, serverScript, [server.name], { timeoutSeconds: 30, shown })).stdout
}

/**
 * What the lines of a server say it lacks. Pure. Its Node's annotation that names its member is not asked for: a K3s
 * that runs writes it at each change of its Node (K3s pkg/etcd/metadata_controller.go), and forgetNode can do without.
 * @param before the start that is over: while systemd still names it, the answers are those of the process that ends
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

export interface Waiting {
  /** The start that ended when the service was told to start anew. */
  readonly before?: string | undefined
  /** Every server that holds the database: how many of them run is told while there is no leader. */
  readonly members?: readonly Host[]
  /** Called once, when its etcd writes down that it was put out of the cluster: it needs another start to join anew. */
  readonly onTombstone?: (() => Promise<void>) | undefined
  /** Seconds more for the images it imports first, see importSeconds. */
  readonly importing?: number
}

/** True for what a server lacks whose K3s does not come: its journal says why. Pure. */
export const doesNotCome = (missing: string): boolean =>
  [silent, failed, again].some((one) => missing.includes(one))

/** A server that is healthy: its service, by a start of now, API, Node, version, votes. */
export function serverIsHealthy(
  server: Host,
  { before, members = [], onTombstone, importing = 0 }: Waiting = {},
): Condition {
  let isPutOut = false
  let hasLeader = true
  return {
    ...awaited(server, 'server', importing),
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

/** How many servers run or start: etcd has a leader once most of them do. */
async function running(members: readonly Host[]): Promise<string> {
  if (members.length < 2) return ''
  const words = ['systemctl', 'is-active', 'k3s']
  const states = await Promise.all(members.map(async (one) => (await one.read(words)).stdout.trim()))
  const away = members.filter((_, at) => !states[at]?.startsWith('activ')).map(({ name }) => name)
  const off = away.length === 0 ? '' : `, not on ${away.join(', ')}`
  return `: K3s runs on ${members.length - away.length} of ${members.length} servers${off}`
}

/** A server that has no vote any more, as one that stays sees it. */
export const memberGone = (leaving: Host, server: Host): Condition => ({
  ...awaited(server, 'server'),
  what: `the quorum without ${leaving.name}`,
  async missing() {
    const members = membersIn(await ask(server))
    if (members === undefined) return 'its members cannot be asked'
    return members.some((one) => isMemberOf(one, leaving)) ? 'it still has its vote' : ''
  },
})

// Of this start alone: what an earlier one was refused says nothing of the token it has now.
const workerScript = `u=$(${unitWords('k3s-agent')})
echo "$u"
case $u in *ActiveState=active*) ;; *) journalctl "_SYSTEMD_INVOCATION_ID=$(echo "$u" | sed -n 's/^InvocationID=//p')" -n 60 -o cat --no-pager ;; esac`

/** A worker whose Node is Ready, as a server sees it. */
export const readyWorker = (
  worker: Host,
  server: Host,
  { before, importing = 0 }: Pick<Waiting, 'before' | 'importing'> = {},
): Condition => ({
  ...awaited(worker, 'agent', importing),
  async missing() {
    // For a while the cluster believes in a Node whose service is gone: both are asked.
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

/** Why an agent that has not started does not: K3s tries for ever, and says so in its journal alone. */
function whyNot(journal: string): string {
  const { reason, times = 0 } = reasonIn(journal) ?? {}
  if (reason?.isFinal !== true) return 'its service has not started yet'
  return times < mostRefusals ? reason.means : `${refused}: ${reason.means}`
}

function awaited(host: Host, role: 'server' | 'agent', importing = 0): Omit<Condition, 'missing'> {
  const unit = unitOf(role)
  return {
    what: host.name,
    seconds: timeoutSeconds + importing,
    isFatal: (missing) => [failed, again, refused].some((one) => missing.includes(one)),
    lastLogLines: () => lastWordsOf(host, unit),
    hint: `repair that on ${host.name} (journalctl -u ${unit}), then run module 9 again: it goes on from here`,
  }
}
