import { exitCodes, KitError } from '../base/errors.mts'
import { few } from '../base/few.mts'
import { log } from '../base/log.mts'
import { folderOf, masterCommand } from '../base/names.mts'
import { written } from '../base/written.mts'
import { uncordon } from '../kube/cluster-faults.mts'
import type { Planned } from '../kube/apply/diff.mts'
import { missingRoom } from '../kube/apply/room-precondition.mts'
import type { KubeReader } from '../kube/reader.mts'
import { isOnlyAdopted, type Revision } from '../state/revision.mts'
import type { Module } from './module.mts'
import { nodesModule } from './modules.mts'
import type { Session } from './session.mts'

/** Most settings that a hint names. */
const named = 2

/**
 * Requires that the nodes have room for the pods that this run starts, before its first write. Only a warning when
 * another order of the pods may fit, and on a cluster that the kit did not make: there nodes may be added by an
 * autoscaler.
 * @param planned what the objects of this run would change
 * @throws KitError exit 3 when pods surely find no node; under --plan it is a note. See also missingRoom
 */
export async function requireRoom<M extends Module>(
  { module, opened, inputs, writes }: Session<M>,
  planned: readonly Planned[],
): Promise<void> {
  // A module that works on machines may add nodes in the same run.
  if (opened === undefined || module.machines !== undefined) return
  const found = await missingRoom(opened.kube, planned, opened.look.nodes)
  if (found === undefined) return
  const { message, workloads, isSure } = found
  const sizes = workloads.flatMap((one) => module.sizedBy?.(inputs.current(), one) ?? [])
  const more = moreNodes(opened.known)
  // What surely does not fit was compared with every node, the cordoned ones too.
  const cordoned = isSure ? undefined : uncordon(opened.look.nodes)
  const hint = [cordoned ?? [], sizes.length === 0 ? [] : few(sizes, named), more.hint].flat().join('; or ')
  if (!isSure || !more.isSure || (await isAutoscaled(opened.kube.reader))) return log.warn(message, hint)
  if (writes.planning) return writes.note({ sign: '!', what: `${message}: first ${hint}` })
  throw new KitError(message, { exitCode: exitCodes.preflight, details: [written()], hint })
}

/** True where the cluster autoscaler runs, which adds nodes for pods that find none (its status ConfigMap is there). */
const isAutoscaled = async (reader: KubeReader): Promise<boolean> =>
  (await reader.get('configmaps', 'cluster-autoscaler-status', 'kube-system')) !== undefined

/** How the cluster gets another node; `isSure`: it gets none by itself. @param known revisions of every module */
function moreNodes(known: readonly Revision[]): { readonly hint: string; readonly isSure: boolean } {
  const maker = nodesModule()
  const made = known.filter(({ module }) => module === folderOf(maker))
  const last = made.at(-1)
  if (last === undefined || isOnlyAdopted(made))
    return { hint: 'add a node, unless an autoscaler of this cluster does', isSure: false }
  return {
    hint: `add a worker: its row in servers.tsv, then ${masterCommand(maker.number, last.env)}; or scale down what else runs on the nodes; then run the same command again`,
    isSure: true,
  }
}
