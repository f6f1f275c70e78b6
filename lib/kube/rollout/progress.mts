import { isPodReady } from '../pods.mts'
import { shortened } from '../../base/sensitive.mts'
import { waitingReason } from './diagnosis.mts'
import { isOfNewest, newestReplicaSets, revisionOf } from './newest.mts'
import type { Deployment, LiveObject, Pod } from '../types.mts'
import type { Watched } from '../watch.mts'
import { shownName } from '../workloads.mts'

// Pure: the progress of rollouts, read from watched objects.

/** The watched objects of a namespace that show the progress of its rollouts. */
export interface Rollouts {
  /** Deployments, or StatefulSets: the fields of their status that are read are the same. */
  readonly workloads: Watched
  /** Of Deployments; nothing is read from those of StatefulSets. */
  readonly replicaSets: Watched
  readonly pods: Watched
  readonly events: Watched
}

/** True when all pods of a Deployment or StatefulSet have its newest template and all of them are available. */
export function isServing(live: LiveObject | undefined): boolean {
  if (live === undefined) return false
  const { spec, status } = live as unknown as Deployment
  const wanted = spec?.replicas ?? 1
  return (
    (status?.observedGeneration ?? 0) >= (live.metadata.generation ?? 0) &&
    (status?.updatedReplicas ?? 0) >= wanted &&
    (status?.availableReplicas ?? 0) >= wanted &&
    (status?.replicas ?? 0) === (status?.updatedReplicas ?? 0)
  )
}

/** `deployment/n8n: 1 of 2 pods available`, by the workload's status. */
export function availableText(live: LiveObject): string {
  const { spec, status } = live as unknown as Deployment
  const [available, wanted] = [status?.availableReplicas ?? 0, spec?.replicas ?? 1]
  return `${shownName(live)}: ${available} of ${wanted} pods available${available === 0 ? ': it does not serve' : ''}`
}

/** As isServing, and its newest pods are ready: a Deployment's status is outdated for a moment after pods were lost. */
export function hasRolledOut(state: Rollouts, name: string): boolean {
  const live = state.workloads.objects.get(name)
  if (live === undefined || !isServing(live)) return false
  const wanted = (live as unknown as Deployment).spec?.replicas ?? 1
  return newestPods(state, name).filter(isPodReady).length >= wanted
}

/** True when `labels` match `selector` (matchLabels). An empty selector matches all. */
export const isSelected = (labels: Labels = {}, selector: Labels = {}): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value)

type Labels = Readonly<Record<string, string>>

/** Every pod a workload selects, those being deleted too. */
function podsOf({ workloads, pods }: Rollouts, name: string): Pod[] {
  const deployment = workloads.objects.get(name) as unknown as Deployment | undefined
  return [...pods.objects.values()]
    .map((pod) => pod as unknown as Pod)
    .filter(({ metadata }) => isSelected(metadata?.labels, deployment?.spec?.selector.matchLabels))
}

/** Pods of a workload's newest template, without those being deleted. */
export function newestPods(state: Rollouts, name: string): Pod[] {
  const live = state.workloads.objects.get(name)
  if (live === undefined) return []
  const isNewest = isOfNewest(live, state.replicaSets.objects.values())
  return podsOf(state, name).filter((pod) => pod.metadata?.deletionTimestamp === undefined && isNewest(pod))
}

/**
 * Pods of a StatefulSet's earlier template that it waits for before it replaces them: with the usual policy OrderedReady
 * it replaces none that is not ready (Kubernetes, StatefulSets, "Forced rollback"). None is known while the controller
 * has not seen the newest template.
 */
export function stuckPods(state: Rollouts, name: string): Pod[] {
  const live = state.workloads.objects.get(name)
  const { podManagementPolicy } = (live?.['spec'] ?? {}) as { podManagementPolicy?: string }
  if (live?.kind !== 'StatefulSet' || podManagementPolicy === 'Parallel') return []
  if (revisionOf(live) === undefined) return []
  const isNewest = isOfNewest(live, [])
  return podsOf(state, name).filter(
    (pod) => pod.metadata?.deletionTimestamp === undefined && !isNewest(pod) && !isPodReady(pod),
  )
}

/** The ReplicaSets of a Deployment's newest template, which create its newest pods. */
export function newestSets(state: Rollouts, name: string): LiveObject[] {
  const live = state.workloads.objects.get(name)
  return live === undefined ? [] : newestReplicaSets(live, state.replicaSets.objects.values())
}

/**
 * Old pods that a workload waits for while they are being deleted: each of a StatefulSet, whose next pod has the same
 * name; of a Deployment with strategy Recreate those before its first new one.
 */
export function podsBefore(state: Rollouts, name: string): Pod[] {
  const deployment = state.workloads.objects.get(name) as unknown as Deployment | undefined
  const isRecreated = deployment?.spec?.strategy?.type === 'Recreate' && newestPods(state, name).length === 0
  if ((deployment as LiveObject | undefined)?.kind !== 'StatefulSet' && !isRecreated) return []
  return podsOf(state, name).filter(({ metadata }) => metadata?.deletionTimestamp !== undefined)
}

/**
 * `deployment/n8n-worker 1/2 ready: n8n-worker-6f9c pulling image`: the first workload that is not ready, and why.
 * @param names of workloads of one kind
 * @param kind in lower case: `deployment`
 */
export function waitingLine(state: Rollouts, names: readonly string[], kind = 'deployment'): string {
  const name = names.find((one) => !hasRolledOut(state, one)) ?? ''
  const { spec, status } = (state.workloads.objects.get(name) ?? {}) as unknown as Deployment
  const ready = `${status?.availableReplicas ?? 0}/${spec?.replicas ?? 1} ready`
  return `${kind}/${name} ${ready}: ${shortened(reasonOf(state, name), 160)}`
}

/** Why a workload has not rolled out yet. */
function reasonOf(state: Rollouts, name: string): string {
  const [every, newest] = [podsOf(state, name), newestPods(state, name)]
  const unready = newest.find((one) => !isPodReady(one))
  if (unready !== undefined)
    return `${unready.metadata?.name} ${waitingReason(unready, lastEvent(state, unready))}`
  if (newest.length > 0)
    return every.length > newest.length
      ? 'its new pods are ready, older ones are ending'
      : 'its pods are ready, the cluster has not counted them yet'
  const [before] = podsBefore(state, name)
  if (before !== undefined)
    return `its old pod ${before.metadata?.name} on ${before.spec?.nodeName} is still ending`
  const [older] = every
  if (older !== undefined)
    return `${older.metadata?.name} is of an earlier template, a newer pod is not there yet`
  return 'no pod of it is there yet'
}

function lastEvent({ events }: Rollouts, pod: Pod): string | undefined {
  const about = [...events.objects.values()]
    .map(
      (event) =>
        event as unknown as { involvedObject: { uid?: string }; lastTimestamp?: string; message?: string },
    )
    .filter(({ involvedObject }) => involvedObject.uid === pod.metadata?.uid)
    .toSorted((a, b) => (a.lastTimestamp ?? '').localeCompare(b.lastTimestamp ?? ''))
  return about.at(-1)?.message
}
