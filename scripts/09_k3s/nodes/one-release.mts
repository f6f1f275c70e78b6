import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { shortened } from '../../../lib/base/sensitive.mts'
import { visible } from '../../../lib/base/visible.mts'
import { written } from '../../../lib/base/written.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { pinnedFile } from '../../../lib/settings/pinned-file.mts'
import { requireVersion, type Versions } from '../../../lib/settings/versions.mts'
import { paths } from '../host/paths.mts'
import { readState, type HostState } from './host-state.mts'
import type { Artifact } from './install.mts'
import { viewOfWorkers, type WorkersView } from './workers-view.mts'

// One release of K3s on all hosts. A kubelet may be older than the API server, never newer: so the servers go first.

/**
 * Requires that members run the K3s of versions.json. A newer one needs an upgrade, server by server after a snapshot.
 * @throws KitError exit 5 when one runs another
 */
export function requireSameProgram(order: readonly HostState[], artifacts: readonly Artifact[]): void {
  const wanted = artifacts.find(({ path }) => path === paths.binary)?.sha256
  const other = order.find(({ data, program }) => data && program !== undefined && program !== wanted)
  if (other === undefined) return
  throw new KitError(`${other.name} runs another K3s than versions.json names`, {
    exitCode: exitCodes.conflict,
    details: [`Upgrading K3s is not part of this version of the kit. ${written()}`],
    hint: 'put the version that is installed back into versions.json',
  })
}

/** What the servers are compared with. */
export interface Release {
  readonly versions: Versions
  readonly env: string
}

/**
 * Requires that the servers run the release that workers would get.
 * @param nodes the K3s version of each Node by its name
 * @throws KitError exit 5 with both versions when one runs another; exit 2 or 7, see requireVersion and pinnedFile;
 *   exit 3 or 9, see readState; exit 3, 6, 9, 130 or 143, see Host.read
 */
export async function requireOneRelease(
  servers: readonly Host[],
  nodes: WorkersView['nodes'],
  { versions, env }: Release,
): Promise<void> {
  const entry = requireVersion(versions, 'k3s')
  const runs = ({ name }: Host) => nodes.get(name) ?? ''
  const host = servers.find((one) => !['', entry.version].includes(runs(one)))
  if (host === undefined) return
  const sum = pinnedFile('k3s', entry)?.sha256
  // The version of a file that an operator has named is only a label, where this machine cannot run it.
  if (sum !== undefined && (await readState(host)).program === sum) return
  const told = visible(shortened(runs(host), 60))
  throw new KitError(`${host.name} runs K3s ${told}, versions.json names ${entry.version}`, {
    exitCode: exitCodes.conflict,
    details: [
      `A worker must not run a newer K3s than a server, and the kit installs one release. ${written()}`,
      'Upgrading K3s is not part of this version of the kit.',
    ],
    hint: `write ${told} into k3s and k3s-images of credentials/${env}/versions.json, then run the same command again`,
  })
}

/**
 * As requireOneRelease, before a run for workers alone writes anything. Nothing while no server answers: then no worker
 * joins either.
 * @throws as requireOneRelease
 */
export async function requireReleaseOfServers(servers: readonly Host[], release: Release): Promise<void> {
  for (const server of servers.toReversed()) {
    const { nodes } = await viewOfWorkers(server)
    if (nodes !== undefined) return requireOneRelease(servers, nodes, release)
  }
}
