import { conditionOf, type LiveObject, type Pod } from '../types.mts'
import type { Kubectl } from '../kubectl.mts'
import type { Diagnosis } from './diagnosis.mts'

// A Deployment with strategy Recreate starts its new pod when the old one has ended. On a node that is off nobody ends
// it: it stays Terminating until the node is back or its Node object is gone. The kit never forces that: the old pod may
// still run and write to the same volume.

/** Seconds between two questions about a node. */
const usualSeconds = 5

/** Seconds the kubelet has beyond a pod's own grace period. */
const graceSeconds = 2

/**
 * Makes a check for pods that cannot end because their node does not answer, for waits.
 * @returns a function of the old pods of a Deployment and the seconds since the wait began: the diagnosis, or undefined
 * while they may still end. It throws the errors of Kubectl.run
 */
export function createDeadNodeCheck(
  kubectl: Pick<Kubectl, 'api'>,
  everySeconds = usualSeconds,
): (pods: readonly Pod[], seconds: number) => Promise<Diagnosis | undefined> {
  let askedAt = -everySeconds
  return async (pods, seconds) => {
    const overdue = pods.filter(isOverdue)
    if (overdue.length === 0 || seconds - askedAt < everySeconds) return undefined
    askedAt = seconds
    for (const pod of overdue) {
      const name = pod.spec?.nodeName ?? ''
      const node = await kubectl.api.get('nodes', name, undefined, { once: true })
      const found = node && diagnoseEnding(pod, node)
      if (found !== undefined) return found
    }
    return undefined
  }
}

/** True for a pod on a node whose time to end has passed. */
function isOverdue({ metadata, spec }: Pod): boolean {
  const at = metadata?.deletionTimestamp
  return at !== undefined && spec?.nodeName !== undefined && Date.parse(at) + graceSeconds * 1000 < Date.now()
}

/** The diagnosis of a pod that is being deleted, by its node; undefined while the node answers. */
export function diagnoseEnding(pod: Pod, node: LiveObject): Diagnosis | undefined {
  const ready = conditionOf(node, 'Ready')
  if (ready === undefined || ready.status === 'True') return undefined
  const { name } = node.metadata
  return {
    what: 'its old pod cannot end: its node does not answer',
    where: `${pod.metadata?.name} on ${name}`,
    words: `Node ${name} is not Ready: ${ready.message ?? 'it has not said why'}`,
    next: `start ${name} again, then run the same command; when that machine is off for good, and only then: kubectl delete node ${name}   (a machine that still runs would write to the same data)`,
  }
}
