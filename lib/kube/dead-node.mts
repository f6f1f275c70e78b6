import { exitCodes, KitError } from '../base/errors.mts'
import { conditionOf, type LiveObject, type Pod } from './types.mts'
import { graceSecondsOf } from './ending.mts'
import type { Kubectl } from './kubectl.mts'

// The kubelet ends pods. Those of a node that is down stay Terminating until the node is back or its Node object is
// deleted, and what waits for them waits as long: the next pod of a StatefulSet or of a Deployment with strategy
// Recreate, a Job, an object that is being deleted. The kit never force-deletes such a pod: it may still run and write
// to the volume.

/** Seconds between two requests for nodes. */
const usualSeconds = 5

/** Seconds allowed to the kubelet beyond a pod's own grace period. */
const graceSeconds = 2

/** Why a pod cannot end, in the order an operator needs it. */
export interface DeadNode {
  readonly what: string
  /** `n8n-old on k8s-2` */
  readonly where: string
  /** The message of the node's condition. */
  readonly words: string
  readonly next: string
}

/**
 * Makes a check for pods that cannot end because their node does not answer, for waits.
 * @param everySeconds least seconds between two requests for nodes
 * @returns a function of the pods that are waited for and the seconds since the wait began: what was found, or
 * undefined while they may still end. It throws as Api
 */
export function createDeadNodeCheck(
  kubectl: Pick<Kubectl, 'api'>,
  everySeconds = usualSeconds,
): (pods: readonly Pod[], seconds: number) => Promise<DeadNode | undefined> {
  let askedAt = -everySeconds
  return async (pods, seconds) => {
    const overdue = pods.filter(isOverdue)
    if (overdue.length === 0 || seconds - askedAt < everySeconds) return undefined
    askedAt = seconds
    for (const pod of overdue) {
      const name = pod.spec?.nodeName ?? ''
      const node = await kubectl.api.get('nodes', name)
      const found = node && diagnoseEnding(pod, node)
      if (found !== undefined) return found
    }
    return undefined
  }
}

/**
 * Makes a check whether pods that are being deleted may still end and free what they hold, for waits.
 * @param everySeconds least seconds between two requests for nodes
 * @returns a function of pods and the seconds since the wait began: false when none is being deleted, or the nodes of
 * all that are do not answer. It throws as Api
 */
export function createEndingCheck(
  kubectl: Pick<Kubectl, 'api'>,
  everySeconds = usualSeconds,
): (pods: readonly Pod[], seconds: number) => Promise<boolean> {
  const silent = new Set<string>()
  let askedAt = -everySeconds
  return async (pods, seconds) => {
    const ending = pods.filter(({ metadata }) => metadata?.deletionTimestamp !== undefined)
    const overdue = new Set(ending.filter(isOverdue).flatMap(({ spec }) => spec?.nodeName ?? []))
    if (overdue.size > 0 && seconds - askedAt >= everySeconds) {
      askedAt = seconds
      silent.clear()
      for (const name of overdue) {
        const node = await kubectl.api.get('nodes', name)
        if (node !== undefined && isSilent(node)) silent.add(name)
      }
    }
    return ending.some((pod) => !isOverdue(pod) || !silent.has(pod.spec?.nodeName ?? ''))
  }
}

/**
 * Makes a check for objects that are being deleted and wait for pods that cannot end.
 * @param everySeconds least seconds between two requests, and before the first: most deletions are done by then
 * @returns a function of the objects left and the seconds since the wait began: the longest grace period, in seconds, of
 * the pods they wait for, as far as it has looked. It throws PodCannotEnd (9), and as Api
 */
export function createHeldCheck(
  kubectl: Pick<Kubectl, 'api'>,
  everySeconds = usualSeconds,
): (left: readonly LiveObject[], seconds: number) => Promise<number> {
  const onDeadNode = createDeadNodeCheck(kubectl, 0)
  let askedAt = 0
  let longest = 0
  return async (left, seconds) => {
    if (seconds - askedAt < everySeconds) return longest
    askedAt = seconds
    for (const namespace of new Set(left.flatMap((live) => namespaceOf(live) ?? []))) {
      const pods = await kubectl.api.list('pods', { namespace })
      const holding = pods.filter((pod) => left.some((live) => isHeldBy(live, pod)))
      longest = Math.max(longest, graceSecondsOf(holding))
      const found = await onDeadNode(holding as unknown as Pod[], seconds)
      if (found !== undefined) throw new PodCannotEnd(`${left.length} objects are not gone`, found)
    }
    return longest
  }
}

/** Exit 9: a pod that is waited for cannot end, and may still run. */
export class PodCannotEnd extends KitError {
  /** @param waiting what waits for it: `job/chatwoot-prepare-1a2b` @param more further lines of details */
  constructor(waiting: string, { where, words, next }: DeadNode, more: readonly string[] = []) {
    super(`${waiting}: a pod cannot end, its node does not answer`, {
      exitCode: exitCodes.rolloutFailed,
      details: [`${where}: ${words}`, ...more],
      hint: next,
    })
  }
}

/** True for a pod on a node that should have ended by now. */
function isOverdue({ metadata, spec }: Pod): boolean {
  const at = metadata?.deletionTimestamp
  return at !== undefined && spec?.nodeName !== undefined && Date.parse(at) + graceSeconds * 1000 < Date.now()
}

/** Why a pod that is being deleted cannot end; undefined while its node answers. */
function diagnoseEnding(pod: Pod, node: LiveObject): DeadNode | undefined {
  if (!isSilent(node)) return undefined
  const ready = conditionOf(node, 'Ready')
  const { name } = node.metadata
  return {
    what: 'its old pod cannot end: its node does not answer',
    where: `${pod.metadata?.name} on ${name}`,
    words: `Node ${name} is not Ready: ${ready?.message ?? 'it has not said why'}`,
    next: `start ${name} again, then run the same command; when that machine is off for good, and only then: kubectl delete node ${name}   (a machine that still runs would write to the same data)`,
  }
}

/** True for a node whose kubelet does not answer. False is written by a kubelet that runs, and it ends pods. */
const isSilent = (node: LiveObject): boolean => conditionOf(node, 'Ready')?.status === 'Unknown'

const namespaceOf = ({ kind, metadata }: LiveObject): string | undefined =>
  kind === 'Namespace' ? metadata.name : metadata.namespace

/** True when an object that is being deleted is gone only after this pod. */
function isHeldBy(live: LiveObject, pod: LiveObject): boolean {
  const { kind, metadata } = live
  if (pod.metadata.namespace !== namespaceOf(live)) return false
  if (kind === 'Namespace') return true
  if (kind === 'Pod') return pod.metadata.name === metadata.name
  return (pod.metadata.ownerReferences ?? []).some((owner) =>
    kind === 'Deployment'
      ? owner.kind === 'ReplicaSet' && owner.name.replace(/-[^-]*$/, '') === metadata.name
      : owner.kind === kind && owner.name === metadata.name,
  )
}
