import { amountOf, fits, minus, nothing, plus, requestOf, times, timesIn, type Amount } from '../amounts.mts'
import { hardTaintsOf, isCordoned, isReady, type Taint } from '../cluster-view.mts'
import { staysOn } from '../pods.mts'
import type { LiveObject, Pod, PodSpec } from '../types.mts'

// Pure: whether pods find room on nodes. Volumes, affinity and spread are left out: what does not fit here does not fit
// with them either.

/** Pods of one workload that a run starts. */
export interface Starting {
  /** `Deployment llm-dev/litellm` */
  readonly what: string
  readonly pod: PodSpec
  /** What each of them requests. */
  readonly request: Amount
  readonly count: number
}

/** What is free on a node that takes pods. */
export interface NodeRoom {
  readonly name: string
  readonly node: LiveObject
  readonly free: Amount
}

/** Pods for which there is too little room. */
export type Shortage =
  /** The nodes have room for `fitting` pods of one workload, were they the only ones. */
  | { readonly is: 'workload'; readonly one: Starting; readonly fitting: number }
  /** Every pod together requests more than is free on all nodes. */
  | { readonly is: 'total'; readonly wanted: Amount; readonly free: Amount }
  /** They were placed one after another, and one of this workload found no node. Another order may find one. */
  | { readonly is: 'order'; readonly one: Starting }

interface NodeParts {
  readonly status?: { readonly allocatable?: { readonly cpu?: string; readonly memory?: string } }
}

/**
 * What is free on each node.
 * @param pods of the whole cluster
 * @param gone those of them that will have ended when the room is needed
 * @param isUsable which nodes count: those that take pods now
 */
export function roomOn(
  nodes: readonly LiveObject[],
  pods: readonly LiveObject[],
  gone: ReadonlySet<LiveObject>,
  isUsable: (node: LiveObject) => boolean = isOpen,
): NodeRoom[] {
  const taken = new Map<string, Amount>()
  for (const one of pods) {
    if (gone.has(one) || !takesRoom(one)) continue
    const { spec } = one as unknown as Pod
    const name = spec?.nodeName ?? ''
    taken.set(name, plus(taken.get(name) ?? nothing, requestOf(spec as PodSpec)))
  }
  return nodes.filter(isUsable).map((node) => {
    const { name } = node.metadata
    const all = amountOf((node as NodeParts).status?.allocatable)
    return { name, node, free: minus(all, taken.get(name) ?? nothing) }
  })
}

/** True for a Ready node that is not cordoned. Not takesPods: nodesFor compares taints with what each pod tolerates. */
const isOpen = (node: LiveObject): boolean => isReady(node) && !isCordoned(node)

/** True for a pod that is on a node, and neither ended nor ending, whatever its priority. */
export const isOnNode = (live: LiveObject): boolean =>
  ((live as unknown as Pod).spec?.nodeName ?? '') !== '' && staysOn(live)

/** Pods of a priority below 0 give way to any other: they hold places for an autoscaler. */
const takesRoom = (live: LiveObject): boolean =>
  isOnNode(live) && ((live as unknown as Pod).spec?.priority ?? 0) >= 0

/** The nodes on which a pod may be: it tolerates their taints, and they have its labels. */
export const nodesFor = (pod: PodSpec, rooms: readonly NodeRoom[]): NodeRoom[] =>
  rooms.filter(({ node }) => {
    const { labels = {} } = node.metadata
    return (
      hardTaintsOf(node).every((taint) => tolerates(pod, taint)) &&
      Object.entries(pod.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)
    )
  })

const tolerates = ({ tolerations = [] }: PodSpec, { key, value = '', effect }: Taint): boolean =>
  tolerations.some(
    (one) =>
      (one.effect === undefined || one.effect === effect) &&
      (one.operator === 'Exists'
        ? one.key === undefined || one.key === key
        : one.key === key && (one.value ?? '') === value),
  )

/** How many pods of a workload the nodes take, were they the only ones. */
const fittingOn = ({ pod, request }: Starting, rooms: readonly NodeRoom[]): number =>
  nodesFor(pod, rooms).reduce((sum, { free }) => sum + timesIn(request, free), 0)

/** The first shortage of these pods; undefined when each finds a node. */
export function shortageOf(all: readonly Starting[], rooms: readonly NodeRoom[]): Shortage | undefined {
  for (const one of all) {
    const fitting = fittingOn(one, rooms)
    if (fitting < one.count) return { is: 'workload', one, fitting }
  }
  const wanted = sumOf(all.map(({ request, count }) => times(request, count)))
  const usable = new Set(all.flatMap(({ pod }) => nodesFor(pod, rooms)))
  const free = sumOf([...usable].map((room) => room.free))
  if (!fits(wanted, free)) return { is: 'total', wanted, free }
  const one = firstWithoutNode(all, rooms)
  return one === undefined ? undefined : { is: 'order', one }
}

const sumOf = (amounts: readonly Amount[]): Amount => amounts.reduce(plus, nothing)

/** Places the largest pods first, each on the first node with room. @returns the workload of one that finds none */
function firstWithoutNode(all: readonly Starting[], rooms: readonly NodeRoom[]): Starting | undefined {
  const free = new Map(rooms.map((room) => [room.name, room.free]))
  const most = sumOf(rooms.map((room) => room.free))
  const shareOf = ({ request }: Starting): number =>
    Math.max(request.cpuMillis / most.cpuMillis || 0, request.memoryBytes / most.memoryBytes || 0)
  for (const one of all.toSorted((a, b) => shareOf(b) - shareOf(a) || nameFirst(a, b))) {
    for (let placed = 0; placed < one.count; placed += 1) {
      const found = nodesFor(one.pod, rooms).find(({ name }) => fits(one.request, free.get(name) ?? nothing))
      if (found === undefined) return one
      free.set(found.name, minus(free.get(found.name) ?? nothing, one.request))
    }
  }
  return undefined
}

/** The order does not depend on that of the objects. */
const nameFirst = (a: Starting, b: Starting): number => (a.what < b.what ? -1 : 1)

/** The node on which most of a resource is free; undefined without nodes. */
export const freest = (rooms: readonly NodeRoom[], resource: keyof Amount): NodeRoom | undefined =>
  rooms.toSorted((a, b) => b.free[resource] - a.free[resource])[0]
