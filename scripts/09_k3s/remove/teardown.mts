import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import type { Teardown, TeardownRun } from '../../../lib/hosts/teardown.mts'
import { failuresOf } from '../host/failures.mts'
import { paths } from '../host/paths.mts'
import { carries, readState, type HostState } from '../nodes/host-state.mts'
import { leaveUnseen, removeNode } from './remove-node.mts'
import { markLeaving, uninstallK3s } from './uninstall-k3s.mts'
import { healthyServer } from '../nodes/healthy-server.mts'
import { localVolumes } from './volumes.mts'
import { written } from '../../../lib/base/written.mts'

/** The command that removes K3s from the host on which it is run; the script requires the host's name. */
const byHand = `${paths.uninstall} "$(uname -n)"`

/** The teardown of module 9: of single hosts, while the cluster continues, or of all. Exit codes: see Teardown. */
export const teardown: Teardown = {
  async losses({ hosts: { servers, masters, workers, lost } }) {
    const states = await Promise.all([...masters, ...workers].map((one) => readState(one)))
    const carrying = states.filter(carries).map(({ name }) => name)
    const absent = lost.filter(({ limited }) => limited).map(({ name }) => name)
    const names = [...carrying, ...absent]
    const server = await healthyServer(servers)
    return [
      ...carrying.map((name) => `host ${name}: K3s and its data`),
      ...absent.map((name) => `Node ${name}, whose host does not answer: what is on its disk stays there`),
      ...(server === undefined ? [] : await localVolumes(server, names)),
    ]
  },

  async removeNodes(run) {
    const { masters, workers, lost } = run.hosts
    for (const worker of workers) await removeNode(worker, 'worker', run)
    for (const master of masters) await removeNode(master, 'master', run)
    for (const one of lost.filter(({ limited }) => limited)) await leaveUnseen(one, run)
    requireAllSeen(run)
  },

  async saveCluster({ hosts: { masters }, planning }) {
    const states = await Promise.all(masters.map((one) => readState(one)))
    await saveSnapshot(masters, states, planning)
  },

  async destroyCluster(run) {
    const { masters, workers } = run.hosts
    if (!run.released) requireNobodyLeft(await Promise.all(masters.map((one) => readState(one))), run)
    const leaving = [...masters, ...workers]
    for (const host of leaving) await markLeaving(host)
    const failures: KitError[] = []
    for (const group of [workers, masters]) {
      const ended = await Promise.allSettled(group.map((host) => uninstallK3s(host, run)))
      failures.push(...failuresOf(ended))
    }
    requireNone(failures, leaving.length)
    requireAllSeen(run)
  },
}

/**
 * Requires that the masters can no longer be a cluster. One that does not answer may still be in use, while a majority
 * of its masters has etcd data.
 * @throws KitError exit 6 when it may
 */
function requireNobodyLeft(states: readonly HostState[], { hosts: { servers, lost } }: TeardownRun): void {
  const holding = states.filter(({ data, leaving }) => data && !leaving).map(({ name }) => name)
  const all = servers.length + lost.filter(({ role }) => role === 'master').length
  if (holding.length * 2 <= all) return
  throw new KitError('the cluster does not answer, and its masters still hold it', {
    exitCode: exitCodes.unreachable,
    details: [`${holding.join(', ')}: a database`, `What runs on it cannot be asked. ${written()}`],
    hint: `repair it first; or, to give it up unseen, on each host as root: ${byHand}`,
  })
}

const snapshotFolder = `${paths.server}/db/snapshots`

/** The base name of the last snapshot: one that an operator has saved lacks what was written since. */
const snapshotName = 'keybuzz-uninstall'

/**
 * Finds complete last snapshots of this run, or of one that was interrupted a moment ago: a failed or killed save leaves
 * nothing, a `.part` or an empty file. After five minutes another one is saved: the cluster may have been used since.
 */
const fresh = ['find', snapshotFolder, '-type', 'f', '-name', `${snapshotName}-*`].concat(
  '!',
  '-name',
  '*.part',
  '-size',
  '+0',
  '-mmin',
  '-5',
)

/**
 * Saves a last snapshot of etcd, on the first running server that can; nothing when an uninstall has saved one in the
 * last five minutes, or none runs. K3s exits with 0 and without a message even when it saved nothing: so the file is looked for.
 * @throws KitError exit 9 when none of the running servers could save one; exit 3, 6, 9, 130 or 143, see Host.read;
 *   what the gate throws (Writes.make)
 */
async function saveSnapshot(
  masters: readonly Host[],
  states: readonly HostState[],
  planning: boolean,
): Promise<void> {
  const running = masters.filter((_, at) => states[at]?.active === true && states[at].data)
  const isSaved = async (server: Host) => (await server.read(fresh)).stdout.trim() !== ''
  for (const server of running) if (await isSaved(server)) return
  const why: string[] = []
  for (const server of running) {
    const words = [paths.binary, 'etcd-snapshot', 'save', '--name', snapshotName]
    const error = await server.change('save a last snapshot', words, { timeoutSeconds: 300 }).then(
      () => undefined,
      (thrown: unknown) => {
        if (thrown instanceof KitError && thrown.exitCode === exitCodes.rolloutFailed) return thrown
        throw thrown
      },
    )
    if (planning || (error === undefined && (await isSaved(server)))) return
    why.push(
      ...(error === undefined
        ? [`${server.name}: k3s etcd-snapshot save ended with 0, and no file is there`]
        : [error.message, ...error.details]),
    )
  }
  if (why.length === 0) return
  throw new KitError('no last snapshot of etcd could be saved', {
    exitCode: exitCodes.rolloutFailed,
    details: [...why, `K3s goes on on every host. ${written()}`],
    hint: `df -h ${snapshotFolder} and journalctl -u k3s on a master, then run the same command again; to end the cluster without one, on each host as root: ${byHand}`,
  })
}

/** @throws KitError exit 9 naming each host that failed, whatever its exit code */
function requireNone(failures: readonly KitError[], all: number): void {
  if (failures.length === 0) return
  throw new KitError(`${failures.length} of ${all} hosts still carry K3s`, {
    exitCode: exitCodes.rolloutFailed,
    details: failures.flatMap(({ message, details }) => [message, ...details]),
    hint: 'the others are bare; repair these, then run the same command again',
  })
}

/** @throws KitError exit 9 when a host could not be connected to: K3s is still on its disk */
function requireAllSeen({ hosts }: TeardownRun): void {
  const lost = hosts.lost.filter(({ limited }) => limited)
  if (lost.length === 0) return
  throw new KitError(
    `${lost.map(({ name }) => name).join(', ')} did not answer: K3s is still on their disks`,
    {
      exitCode: exitCodes.rolloutFailed,
      details: lost.map(({ why }) => why.message),
      hint: `before they come back to this network: ${byHand} on each, as root, or install them anew`,
    },
  )
}
