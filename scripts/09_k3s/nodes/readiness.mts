import { hideToken } from './tokens.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import type { Condition } from '../../../lib/base/poll.mts'
import { paths, unitOf } from '../host/paths.mts'
import { kubectlWords } from './node-object.mts'
import { lastWordsOf } from './journal.mts'
import { isMemberOf, membersIn, memberProblems, type Without } from './members.mts'

// The gate between two nodes: nobody goes on to the next before this one is healthy.

/** Seconds a server or a worker may take until it is ready. */
const patience = 300

/** Restarts by systemd after which a service will not come up by itself. */
const mostRestarts = 4

const failed = 'its service failed'
const again = 'its service ends again and again'

const etcdKeys = `${paths.server}/tls/etcd`

/** Everything one server says of itself, in one round trip: a line `key=value` each. */
const serverScript = `k() { ${kubectlWords('--request-timeout=5s').join(' ')} "$@" 2>/dev/null; }
systemctl is-failed --quiet k3s && echo failed=yes
echo "restarts=$(systemctl show k3s --property NRestarts --value)"
echo "program=$(${paths.binary} --version 2>/dev/null | sed -n 's/^k3s version \\([^ ]*\\).*/\\1/p')"
echo "readyz=$(k get --raw /readyz)"
echo "node=$(k get node "$1" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.nodeInfo.kubeletVersion}')"
echo "voters=$(k get nodes -o 'jsonpath={range .items[*]}{.metadata.name}:{.status.conditions[?(@.type=="EtcdIsVoter")].status} {end}')"
for port in 2379 2382; do
  curl -fsS --max-time 5 --cacert ${etcdKeys}/server-ca.crt --cert ${etcdKeys}/client.crt --key ${etcdKeys}/client.key \\
    -d '{}' "https://127.0.0.1:$port/v3/cluster/member/list" 2>/dev/null | tr -d '\\n' | sed 's/^/members=/' && echo
done`

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

/** What the lines of a server say it lacks. Pure. */
export function missingIn(text: string, { address }: Pick<Host, 'address'>, without: Without): string[] {
  const said = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1]?.trim() ?? ''
  const [ready, version] = said('node').split(' ')
  const missing =
    said('readyz') === 'ok'
      ? [
          ...(ready === 'True' ? [] : ['its Node is not Ready yet']),
          ...(ready !== 'True' || version === said('program')
            ? []
            : [`its Node still tells ${version}, not ${said('program')}`]),
          ...memberProblems(membersIn(text), said('voters'), address, without),
        ]
      : ['its API does not answer yet']
  if (missing.length === 0) return []
  if (said('failed') === 'yes') return [failed]
  return Number(said('restarts')) >= mostRestarts ? [again, ...missing] : missing
}

/** A server that is healthy: API, Node, version, votes. */
export const serverIsHealthy = (server: Host): Condition => ({
  ...awaited(server, 'server'),
  missing: () => missingOf(server),
})

/** The first of these servers that is healthy; undefined when none is. */
export async function healthyServer(servers: readonly Host[]): Promise<Host | undefined> {
  for (const server of servers) if ((await missingOf(server)) === '') return server
  return undefined
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

/** What a server knows of the workers. */
export interface WorkersView {
  /** The join token of workers, in its full form. */
  readonly token: string
  /** The names of all Nodes that are Ready. */
  readonly ready: ReadonlySet<string>
}

const readyNodes = kubectlWords('--request-timeout=5s', 'get', 'nodes')
  .concat(
    '-o',
    `'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}'`,
  )
  .join(' ')

const viewScript = `echo "$(cat ${paths.server}/agent-token)" && ${readyNodes}`

/** @returns without `ready` when its API does not answer, with an empty token when it carries no cluster yet */
export async function viewOfWorkers(
  server: Host,
): Promise<Pick<WorkersView, 'token'> & Partial<WorkersView>> {
  const shown = 'ask for the token and the Nodes of workers'
  const { code, stdout } = await server.read(['sh', '-c', viewScript], { shown })
  const [token = '', nodes = ''] = stdout.split('\n')
  if (!token.startsWith('K10')) return { token: '' }
  hideToken(token)
  return code === 0 ? { token, ready: readyIn(nodes) } : { token }
}

const readyIn = (nodes: string): ReadonlySet<string> =>
  new Set(nodes.split(' ').flatMap((one) => (one.endsWith('=True') ? [one.slice(0, -5)] : [])))

const workerScript = `systemctl is-active k3s-agent
systemctl show k3s-agent --property NRestarts --value`

/** A worker whose Node is Ready, as a server sees it. */
export const readyWorker = (worker: Host, server: Host): Condition => ({
  ...awaited(worker, 'agent'),
  async missing() {
    // For a while the cluster believes in a Node whose service is gone: both are asked.
    const [state = '', restarts] = (await worker.read(['sh', '-c', workerScript])).stdout.split('\n')
    if (state === 'failed') return failed
    if (state === 'active' && (await viewOfWorkers(server)).ready?.has(worker.name) === true) return ''
    const missing = state === 'active' ? 'its Node is not Ready yet' : 'its service has not started yet'
    return Number(restarts) >= mostRestarts ? `${again}, ${missing}` : missing
  },
})

function awaited(host: Host, role: 'server' | 'agent'): Omit<Condition, 'missing'> {
  const unit = unitOf(role)
  return {
    what: host.name,
    seconds: patience,
    isFatal: (missing) => missing.includes(failed) || missing.includes(again),
    lastLogLines: () => lastWordsOf(host, unit),
    hint: `repair that on ${host.name} (journalctl -u ${unit}), then run module 9 again: it goes on from here`,
  }
}
