import { exitCodes, KitError, NotYet } from '../../../lib/base/errors.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import type { Hosts } from '../../../lib/hosts/hosts.mts'
import { lazily } from '../../../lib/base/lazy.mts'
import { createLimit } from '../../../lib/base/concurrency.mts'
import { log } from '../../../lib/base/log.mts'
import type { Until } from '../../../lib/base/poll.mts'
import type { Versions } from '../../../lib/settings/versions.mts'
import { failuresOf } from '../host/failures.mts'
import { agentConfig } from './config.mts'
import { ensureImages, importSeconds } from './images.mts'
import { forgetNode } from './forget-node.mts'
import { healthyServer, whyNoneIsHealthy } from './healthy-server.mts'
import { readState, requireNodes } from './host-state.mts'
import {
  artifactsOf,
  imagesOf,
  copyArtifacts,
  writeConfig,
  needsStart,
  start,
  type Artifact,
  type DesiredState,
} from './install.mts'
import { requireOneRelease } from './one-release.mts'
import { registriesOf, requireOwnRegistries, type Registries } from './registries.mts'
import { proxyEnvironment } from '../settings-proxy.mts'
import type { K3sSettings } from '../settings.mts'
import { deleteStrayPods } from './pod-addresses.mts'
import { readyWorker } from './readiness.mts'
import { viewOfWorkers, type WorkersView } from './workers-view.mts'

/** The machines of the cluster, and what the installation of its workers needs. */
export interface Workers extends Omit<Hosts, 'close'> {
  readonly settings: K3sSettings
  readonly versions: Versions
  readonly until: Until
}

/**
 * Joins every worker that is connected, several in parallel; one that fails or is slow delays no other.
 * @throws KitError exit 9 after the others have joined, naming each that did not, whatever the exit code of its error
 *   was; before the first one: exit 2, 3, 7 or NotYet, see artifactsOf; exit 3 when no server of the cluster is
 *   healthy, NotYet while there is none; exit 5 when a server runs another K3s; what ends the whole run, see failuresOf
 */
export async function ensureWorkers({
  servers,
  workers,
  lost,
  settings,
  versions,
  until,
}: Workers): Promise<void> {
  const absent = lost.filter(({ role }) => role === 'worker')
  if (workers.length + absent.length === 0) return
  const artifacts = artifactsOf(versions)
  const gate = lazily(() => healthyOf(servers))
  const view = await lookFrom(servers)
  await requireOneRelease(servers, view.nodes, { versions, env: settings.ENV })
  const shared = {
    ...view,
    gate,
    artifacts,
    env: settings.ENV,
    masters: servers.length,
    pods: settings.CLUSTER_CIDR,
    proxy: proxyEnvironment(settings),
    registries: registriesOf(settings),
    until,
  }
  const limit = createLimit(settings.JOIN_PARALLEL)
  const joined = await Promise.allSettled(workers.map((worker) => limit(() => join({ ...shared, worker }))))
  const failures = [...absent.map(({ why }) => why), ...failuresOf(joined)]
  const untouched = joined.filter((one) => one.status === 'fulfilled' && !one.value).length
  if (untouched > 0) log.ok(`${untouched} of ${workers.length} workers run as they should, untouched`)
  if (failures.length === 0) return
  throw new KitError(`${failures.length} of ${workers.length + absent.length} workers did not join`, {
    exitCode: exitCodes.rolloutFailed,
    details: failures.flatMap(({ message, details }) => [message, ...details]),
    hint: 'the others are in the cluster; repair these, then run module 9 again',
  })
}

/**
 * The join token and the Nodes, from a server whose API answers. The last one is asked first: the first one has enough
 * requests to answer.
 * @throws NotYet while there is no cluster; KitError exit 3 when no server of it answers; exit 3, 6, 9, 130 or 143, see
 *   Host.read
 */
async function lookFrom(servers: readonly Host[]): Promise<WorkersView> {
  let there = false
  for (const server of servers.toReversed()) {
    const view = await viewOfWorkers(server)
    const { token, ready, nodes } = view
    if (ready !== undefined && nodes !== undefined) return { token, ready, nodes }
    there ||= token !== ''
  }
  throw there ? await noneWhole(servers) : new NotYet('09_k3s_02_install_control_plane')
}

/** The server by which workers join. @throws KitError exit 3 when none is healthy, else as Host.read */
async function healthyOf(servers: readonly Host[]): Promise<Host> {
  const healthy = await healthyServer(servers)
  if (healthy === undefined) throw await noneWhole(servers)
  return healthy
}

const noneWhole = async (servers: readonly Host[]): Promise<KitError> =>
  new KitError('no server of the cluster is healthy: no worker can join', {
    exitCode: exitCodes.preflight,
    details: [...(await whyNoneIsHealthy(servers)), 'No service of a worker was touched.'],
    hint: 'repair a master first: journalctl -u k3s; or run 09_k3s_02_install_control_plane',
  })

interface Joining extends WorkersView {
  readonly worker: Host
  /** Finds the server to join by, at the first call only. */
  readonly gate: () => Promise<Host>
  readonly artifacts: readonly Artifact[]
  readonly env: string
  readonly masters: number
  readonly pods: string
  readonly proxy: string | undefined
  readonly registries: Registries | undefined
  readonly until: Until
}

/** Joins one worker. @returns true when anything had to be done except writing files */
async function join({
  worker,
  gate,
  token,
  ready,
  nodes,
  artifacts,
  env,
  masters,
  pods,
  proxy,
  registries,
  until,
}: Joining): Promise<boolean> {
  const state = await readState(worker, imagesOf(artifacts))
  requireNodes([state], 'worker', env, masters)
  requireOwnRegistries([state], registries)
  const wanted: DesiredState = {
    role: 'agent',
    config: agentConfig(state, state.joins ?? (await gate()).address, token),
    artifacts,
    pods,
    proxy,
    registries,
  }
  await copyArtifacts(worker, artifacts)
  await writeConfig(worker, wanted)
  // A kubelet registers only when it starts: after a deletion of its Node its pods go on running, but it is not
  // restored.
  const starts = needsStart(state, wanted) || (state.active && !nodes.has(worker.name))
  if (!starts && state.active && ready.has(worker.name))
    return ensureImages(worker, artifacts, until, state.images)
  const server = await gate()
  if (starts) {
    // A Node that this very machine has registered stays: a new one would have another pod CIDR.
    if (!state.registered) await forgetNode(server, worker, until)
    await start(worker, wanted)
  }
  const before = starts ? state.invocation : undefined
  await until(readyWorker(worker, server, { before, importing: importSeconds(artifacts, state.images) }))
  if (starts && state.registered) await deleteStrayPods(server, worker.name)
  await ensureImages(worker, artifacts, until)
  return true
}
