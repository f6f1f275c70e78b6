import type { KubeReader } from '../../../lib/kube/reader.mts'
import type { Condition } from '../../../lib/base/poll.mts'

interface DaemonSetStatus {
  desiredNumberScheduled?: number
  updatedNumberScheduled?: number
  numberReady?: number
  observedGeneration?: number
}

/** A DaemonSet, and what to do when it does not become ready. */
export interface OnEveryNode {
  /** As the operator names it, see Condition. */
  readonly what: string
  readonly namespace: string
  readonly name: string
  readonly hint: string
}

/** The condition that a DaemonSet has a ready, updated pod on every node. Its functions throw as KubeReader. */
export const everyNodeServes = (
  kube: KubeReader,
  { what, namespace, name, hint }: OnEveryNode,
): Condition => ({
  what,
  hint,
  seconds: 300,
  async missing() {
    const found = await kube.get('daemonsets.apps', name, namespace)
    const {
      desiredNumberScheduled: all = 0,
      updatedNumberScheduled: updated = 0,
      numberReady: ready = 0,
      observedGeneration = 0,
    } = (found?.['status'] ?? {}) as DaemonSetStatus
    if (observedGeneration < (found?.metadata.generation ?? 1)) return 'not looked at by the cluster yet'
    const serving = Math.min(updated, ready)
    return all > 0 && serving === all ? '' : `${serving} of ${all} nodes`
  },
  async lastLogLines() {
    const pods = await kube.list('pods', { namespace })
    return pods.flatMap(({ metadata, status, spec }) => {
      const { containerStatuses: [first] = [] } = status as {
        containerStatuses?: { ready: boolean; state?: { waiting?: { reason?: string; message?: string } } }[]
      }
      const { reason = 'not ready', message = '' } = first?.state?.waiting ?? {}
      const node = (spec as { nodeName?: string }).nodeName ?? 'no node'
      return first?.ready === true ? [] : [`${metadata.name} on ${node}: ${reason} ${message}`.trim()]
    })
  },
})
