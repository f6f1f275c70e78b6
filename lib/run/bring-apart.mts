import { exitCodes, KitError } from '../base/errors.mts'
import { log } from '../base/log.mts'
import { crowdOf, shareNode } from '../kube/apply/crowd.mts'
import { evictPod } from '../kube/evict.mts'
import type { KubeReader } from '../kube/reader.mts'
import { isSelected } from '../kube/rollout/progress.mts'
import { nameOf, type Deployment, type LiveObject, type Manifest } from '../kube/types.mts'
import { isWorkload, namedBy } from '../kube/workloads.mts'
import type { Module } from './module.mts'
import type { Session } from './session.mts'

/** A workload of this run, and its pods that are not being deleted. */
interface Fellows {
  readonly workload: Manifest
  readonly pods: readonly LiveObject[]
}

/**
 * Evicts one pod of each workload whose pods share a node while another has room, one after another, so that the others
 * serve meanwhile. The pods of the cluster are read only when some share a node. What a PodDisruptionBudget refuses is
 * a warning: the pods serve.
 * @throws KitError exit 5 or 9, see waitForDeployments; see also Api and the gate (Writes.make)
 */
export async function bringApart<M extends Module>({
  module,
  opened,
  writes,
  repairs,
}: Session<M>): Promise<void> {
  // The module that makes the nodes has its own way for what it places.
  if (opened === undefined || module.machines !== undefined) return
  const { kube, cluster } = opened
  const sharing = (await fellowsOf(kube.reader, kube.manifests)).filter(({ pods }) => shareNode(pods))
  if (sharing.length === 0) return
  const found = await kube.reader.list('nodes,pods', {})
  const nodes = found.filter(({ kind }) => kind === 'Node')
  const pods = found.filter(({ kind }) => kind === 'Pod')
  for (const { workload, pods: fellows } of sharing) {
    const crowd = crowdOf(fellows, nodes, pods)
    if (crowd === undefined) continue
    const text = `the ${fellows.length} pods of ${nameOf(workload)} share ${crowd.node}, and ${crowd.room} has room`
    try {
      // It belongs to no revision: nothing that was declared changes.
      await evictPod(cluster.kubectl, writes.planning ? writes : repairs, crowd.pod)
    } catch (thrown) {
      if (!(thrown instanceof KitError) || thrown.exitCode !== exitCodes.rolloutFailed) throw thrown
      log.warn(`${text}: no pod was evicted, ${thrown.details[0] ?? thrown.message}`, 'run it again later')
      continue
    }
    if (writes.planning) continue
    log.ok(`${text}: ${crowd.pod.metadata.name} was evicted`)
    await kube.waitForRolloutUncached(crowd.pod.metadata.namespace ?? '', [namedBy(workload)])
  }
}

/** The workloads among these objects, with their pods: one request for each namespace. */
async function fellowsOf(reader: KubeReader, objects: readonly Manifest[]): Promise<Fellows[]> {
  const workloads = objects.filter(isWorkload)
  const namespaces = [...new Set(workloads.flatMap(({ metadata }) => metadata?.namespace ?? []))]
  const found = await Promise.all(namespaces.map((namespace) => reader.list('pods', { namespace })))
  const staying = found.flat().filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  return workloads.map((workload) => {
    const { matchLabels } = (workload as Deployment).spec?.selector ?? {}
    const isOwn = ({ metadata }: LiveObject) =>
      metadata.namespace === workload.metadata?.namespace && isSelected(metadata.labels, matchLabels)
    return { workload, pods: matchLabels === undefined ? [] : staying.filter(isOwn) }
  })
}
