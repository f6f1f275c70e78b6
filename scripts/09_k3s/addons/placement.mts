import { hardTaintsOf, isReady } from '../../../lib/kube/cluster-view.mts'
import { isPending, isPodServing, madeAt, nodeOf } from '../../../lib/kube/pods.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { takesAddons } from './spread.mts'

// On which nodes the pods of CoreDNS and metrics-server serve, and which of them share a node. Pure.

/** Where the pods of an addon serve, and what is missing. */
export interface Placement {
  /** Names of Ready nodes with a ready pod. */
  readonly serving: readonly string[]
  /** What is missing although there are Ready nodes for it, in a few words; empty when nothing is. */
  readonly missing: string
  /** Names of the nodes that are not Ready, while a pod is Pending; else empty. */
  readonly waitingFor: readonly string[]
}

/**
 * Finds where the pods of one addon serve.
 * @param nodes all Nodes of the cluster
 * @param pods of one addon
 * @param wanted how many pods of it spreadOf wants
 */
export function placementOf(
  nodes: readonly LiveObject[],
  pods: readonly LiveObject[],
  wanted: number,
): Placement {
  const usable = nodes.filter(takesAddons)
  const up = usable.filter(isReady).map(({ metadata }) => metadata.name)
  const down = usable.filter((node) => !isReady(node)).map(({ metadata }) => metadata.name)
  const on = new Set(pods.filter(isPodServing).map(nodeOf))
  const serving = up.filter((name) => on.has(name))
  const without = up.filter((name) => !on.has(name))
  const least = Math.min(wanted, up.length)
  const missing =
    serving.length >= least
      ? ''
      : wanted >= usable.length
        ? `none on ${without.join(', ')}`
        : `${serving.length} of ${least} nodes`
  return { serving, missing, waitingFor: pods.some(isPending) ? down : [] }
}

/**
 * The pods to evict: those that share a node while another node, which could take one, has none. The scheduler does not
 * move pods when a node comes back or is added.
 * @param nodes all Nodes of the cluster
 * @param pods of one addon
 * @returns all but the oldest of each node, the youngest first; at most as many as there are nodes without one
 */
export function crowdedPods(nodes: readonly LiveObject[], pods: readonly LiveObject[]): LiveObject[] {
  if (pods.some(isPending)) return []
  const serving = pods.filter(isPodServing)
  const on = new Set(serving.map(nodeOf))
  const empty = nodes.filter((node) => takesAddons(node) && isOpen(node) && !on.has(node.metadata.name))
  const oldestFirst = serving.toSorted((one, other) => madeAt(one) - madeAt(other))
  const seen = new Set<string>()
  const surplus = oldestFirst.filter((pod) => seen.size === seen.add(nodeOf(pod)).size)
  return surplus.toReversed().slice(0, empty.length)
}

/**
 * True for a node that is Ready and accepts new pods: not cordoned, no taint for a lack of resources. Not takesPods: the
 * addons tolerate the taint of masters (takesAddons).
 */
const isOpen = (node: LiveObject): boolean =>
  isReady(node) && !hardTaintsOf(node).some(({ key }) => key.startsWith('node.kubernetes.io/'))
