import { fits, requestOf } from '../amounts.mts'
import { isPodServing, madeAt, nodeOf } from '../pods.mts'
import type { LiveObject, PodSpec } from '../types.mts'
import { nodesFor, roomOn } from './room.mts'

// Pure: pods of one workload that came to stand on one node. The scheduler places a pod once, and never moves it.

/** Pods that share a node although another one has room for one of them. */
export interface Crowd {
  /** The youngest of them: the one to evict. */
  readonly pod: LiveObject
  /** The node they share. */
  readonly node: string
  /** A Ready node that takes pods and has room for it. */
  readonly room: string
}

/** True for two pods or more, all on one node. */
export const shareNode = (pods: readonly LiveObject[]): boolean =>
  pods.length > 1 && new Set(pods.map(nodeOf)).size === 1 && pods.every((pod) => nodeOf(pod) !== '')

/**
 * Finds out whether one of a workload's pods could be on another node.
 * @param fellows all pods of the workload
 * @param nodes all Nodes of the cluster
 * @param pods of the whole cluster
 * @returns undefined when they do not share a node, one of them is not ready, or no other node can take one
 */
export function crowdOf(
  fellows: readonly LiveObject[],
  nodes: readonly LiveObject[],
  pods: readonly LiveObject[],
): Crowd | undefined {
  if (!shareNode(fellows) || !fellows.every(isPodServing)) return undefined
  const pod = fellows.toSorted((one, other) => madeAt(one) - madeAt(other)).at(-1)
  const spec = pod?.['spec'] as PodSpec | undefined
  if (pod === undefined || spec === undefined || isBound(spec)) return undefined
  const node = nodeOf(pod)
  const room = nodesFor(spec, roomOn(nodes, pods, new Set())).find(
    ({ name, free }) => name !== node && fits(requestOf(spec), free),
  )
  return room && { pod, node, room: room.name }
}

/** True for a pod that more than room decides about: its volume, or rules of affinity. */
const isBound = ({ affinity, volumes = [] }: PodSpec): boolean =>
  affinity !== undefined || volumes.some((one) => one.persistentVolumeClaim !== undefined)
