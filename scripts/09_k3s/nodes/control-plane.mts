import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { quorumLost } from '../../../lib/hosts/quorum-lost.mts'
import { log } from '../../../lib/base/log.mts'
import type { Until } from '../../../lib/base/poll.mts'
import type { RawValues } from '../../../lib/settings/settings.mts'
import { requireVersion, type Versions } from '../../../lib/settings/versions.mts'
import { requireSameFixed } from '../host/fixed.mts'
import type { HeldImages } from '../host/held-images.mts'
import { bootstrapKeysOf } from './bootstrap-key.mts'
import { serverConfig, type Origin } from './config.mts'
import { departureOf } from './departure.mts'
import { forgetNode } from './forget-node.mts'
import { inTurn, planFormation } from './formation.mts'
import { reasonsOf } from './healthy-server.mts'
import { readState, requireNodes, type HostState } from './host-state.mts'
import { ensureImages, importSeconds } from './images.mts'
import {
  artifactsOf,
  imagesOf,
  proveAll,
  copyArtifacts,
  writeConfig,
  needsStart,
  start,
  type DesiredState,
} from './install.mts'
import { markPutOut, withMembership } from './membership.mts'
import { requireSameProgram } from './one-release.mts'
import { registriesOf, requireOwnRegistries } from './registries.mts'
import { proxyEnvironment } from '../settings-proxy.mts'
import type { K3sSettings } from '../settings.mts'
import { leaderless, missingIn, missingOf, nodeless, serverIsHealthy } from './readiness.mts'
import { deleteStrayPods } from './pod-addresses.mts'
import { isTokenInDoubt, readToken, requireSameTokens, warnOfOlderTokens, withTokens } from './tokens.mts'
import { written } from '../../../lib/base/written.mts'

/** The masters, and what their installation needs. */
export interface ControlPlane {
  /** Every master of the cluster: the state of each is read. */
  readonly servers: readonly Host[]
  /** The masters this run may change. */
  readonly masters: readonly Host[]
  readonly settings: K3sSettings
  /** Saves tokens that the settings lack. */
  readonly keep: (found: RawValues) => Promise<void>
  readonly versions: Versions
  readonly until: Until
  /** True when a cluster was installed for this environment before. */
  readonly known: boolean
}

/**
 * Makes the masters servers of one cluster, one after another; each must be healthy before the next is started.
 * @throws KitError exit 2 when versions.json has no k3s or a list of checksums cannot be read; exit 3 for a foreign
 *   Kubernetes, a missing private address, a file that cannot be read, or a server that must be started while another
 *   is not healthy; exit 5 for another cluster, token, identity, fixed value or K3s version; exit 7 for a checksum;
 *   exit 9 when a change fails or a server does not become healthy; exit 3, 6, 9, 130 or 143, see Host.read; what
 *   `keep` and the gate (Writes.make) throw; NotYet when a file or token exists only after an earlier step
 */
export async function ensureServers({
  servers,
  masters,
  settings: given,
  keep,
  versions,
  until,
  known,
}: ControlPlane): Promise<void> {
  const artifacts = artifactsOf(versions)
  const images = imagesOf(artifacts)
  const asked = await Promise.all(servers.map((server) => readState(server, images, { withHealth: true })))
  const states = await withMembership(asked, servers)
  const changes = ({ name }: HostState) => masters.some((master) => master.name === name)
  requireNodes(states, 'master', given.ENV, servers.length)
  const registries = registriesOf(given)
  requireOwnRegistries(states.filter(changes), registries)
  const keys = isTokenInDoubt(states, given) ? await bootstrapKeysOf(states, servers) : []
  requireSameTokens({ states, keys }, given)
  requireSameFixed(states, given)
  const { begins, order } = planFormation(states, known, changes)
  requireSameProgram(order, artifacts)
  // A wrong checksum ends the run before anything is saved, also on this machine.
  if (states.some(({ program }) => program === undefined)) await proveAll(artifacts)
  const settings = await withTokens({ states, keys, servers, settings: given, keep })
  warnOfOlderTokens(states, settings)
  await Promise.all(masters.map((master) => copyArtifacts(master, artifacts)))
  const tokens = new Map<string, Promise<string>>()
  const tokenOf = (name: string) => {
    const state = states.find((one) => one.name === name)
    const token = tokens.get(name) ?? readToken(hostOf(servers, name), settings, state)
    tokens.set(name, token)
    return token
  }
  const proxy = proxyEnvironment(settings)
  const { version } = requireVersion(versions, 'k3s')
  const members = order.filter(({ data }) => data).map(({ name }) => hostOf(servers, name))
  const whole: { host: Host; held: HeldImages | undefined }[] = []
  // Asked with their state; where all run, the answers hold until one of them is started or waited for.
  const isRunning = order.every(({ active }) => active)
  const health = new Map(isRunning ? order.map((one) => [one.name, one.health]) : [])
  for (const state of inTurn(order.filter(changes))) {
    const host = hostOf(servers, state.name)
    const config = serverConfig(settings, version, state, await originOf(state, begins, order, tokenOf))
    const pods = settings.CLUSTER_CIDR
    const wanted: DesiredState = { role: 'server', config, artifacts, pods, proxy, registries }
    await writeConfig(host, wanted)
    const told = health.get(state.name)
    const now = async () =>
      told === undefined ? missingOf(host) : missingIn(told, host, 'others').join(', ')
    const lacks = needsStart(state, wanted) ? undefined : await now()
    const starts = lacks === undefined || (lacks.includes(nodeless) && (await lostItsNode(host, state)))
    if (starts) {
      await requireOthersWhole(state, states, servers)
      const member = order.find(({ data, name }) => data && name !== state.name)
      if (!state.data && member !== undefined) {
        // If it went on trying to start, it would join before its old Node is gone, and lose its new member with that.
        if (!state.stopped) await host.change('stop k3s', ['systemctl', 'stop', 'k3s'])
        await forgetNode(hostOf(servers, member.name), state, until)
        if (state.putOut === true) await markPutOut(host)
      }
      await start(host, wanted)
    } else if (lacks === '') {
      whole.push({ host, held: state.images })
      continue
    }
    health.clear()
    // Waits also for a server that an earlier, interrupted run has started.
    const before = starts ? state.invocation : undefined
    // A start with existing etcd data may find that etcd has removed this server: then it needs a second start.
    const onTombstone = starts && state.data ? () => start(host, wanted) : undefined
    const importing = importSeconds(artifacts, state.images)
    await until(serverIsHealthy(host, { before, members, onTombstone, importing }))
    if (starts && state.registered) await deleteStrayPods(host, state.name)
    whole.push({ host, held: undefined })
  }
  // In parallel: no server waits for the images of another.
  const imported = await Promise.all(
    whole.map(({ host, held }) => ensureImages(host, artifacts, until, held)),
  )
  const untouched = whole.filter(({ held }, at) => held !== undefined && imported[at] === false).length
  if (untouched > 0) log.ok(`${untouched} of ${masters.length} servers run as they should, untouched`)
}

/**
 * True when K3s runs and the cluster has no Node of its name: a kubelet registers only when it starts, so a Node that
 * was deleted never comes back by itself. False when the API does not answer in time.
 */
const lostItsNode = async (host: Host, { active }: HostState): Promise<boolean> =>
  active && (await departureOf(host, host)).node === 'gone'

const hostOf = (hosts: readonly Host[], name: string): Host => {
  const found = hosts.find((host) => host.name === name)
  if (found === undefined) throw new Error(`${name} is none of the hosts`)
  return found
}

/** How a server begins or joins the cluster. K3s reads this only once: a member keeps the value it has. */
async function originOf(
  state: HostState,
  begins: string | undefined,
  order: readonly HostState[],
  tokenOf: (server: string) => Promise<string>,
): Promise<Origin> {
  if (state.name === begins || (state.data && state.joins === undefined)) return { begins: true }
  const others = order.filter(({ name }) => name !== state.name)
  const other = others.find(({ data, name }) => data || name === begins)
  // It is the only server, so no other one has a token.
  if (other === undefined) return { begins: true }
  return { joins: state.joins ?? other.address, token: await tokenOf(other.name) }
}

/**
 * Requires that all other servers with etcd data are healthy, before one is started or stopped: two that are down at
 * the same time could end the quorum.
 * @param states of all servers
 * @param servers the hosts of `states`, by name
 * @throws KitError exit 3 naming one that is not healthy; exit 3, 6, 9, 130 or 143, see Host.read
 */
export async function requireOthersWhole(
  { name, address }: Pick<HostState, 'name' | 'address'>,
  states: readonly Pick<HostState, 'name' | 'address' | 'data'>[],
  servers: readonly Host[],
): Promise<void> {
  const others = states.filter((other) => other.name !== name && other.data)
  // A server without etcd data has no vote: a member etcd still lists for it is from before its reinstallation.
  const without = [address, ...states.filter(({ data }) => !data).map((one) => one.address)]
  const missing = await Promise.all(others.map((other) => missingOf(hostOf(servers, other.name), without)))
  const at = missing.findIndex((one) => one !== '')
  if (at < 0) return
  const other = others[at]?.name ?? ''
  const reasons = await reasonsOf(hostOf(servers, other), missing[at] ?? '')
  throw new KitError(`${name} must be started or stopped, but ${other} is not healthy: ${missing[at]}`, {
    exitCode: exitCodes.preflight,
    details: [...reasons, `Two servers away at once could end the quorum. ${written()}`],
    hint: missing[at]?.includes(leaderless)
      ? `etcd needs most of its servers: systemctl start k3s on those that do not run; then run the same command again. ${quorumLost}`
      : `repair ${other} first: journalctl -u k3s; then run the same command again`,
  })
}
