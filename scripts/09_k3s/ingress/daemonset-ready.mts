import type { KubeReader } from '../../../lib/kube/reader.mts'
import type { Condition } from '../../../lib/base/poll.mts'
import type { DaemonSet, LiveObject } from '../../../lib/kube/types.mts'

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

const statusOf = (found: LiveObject | undefined): DaemonSetStatus =>
  (found?.['status'] ?? {}) as DaemonSetStatus

/** On how many nodes a DaemonSet has a ready, updated pod; undefined until its controller has looked at it. Pure. */
function nodesServed(found: LiveObject | undefined): number | undefined {
  const { updatedNumberScheduled = 0, numberReady = 0, observedGeneration = 0 } = statusOf(found)
  if (observedGeneration < (found?.metadata.generation ?? 1)) return undefined
  return Math.min(updatedNumberScheduled, numberReady)
}

/**
 * True when a DaemonSet runs with this image on as many nodes as the cluster is to have: then all of them have it, and no
 * host needs to be asked.
 * @param nodes their number
 * @throws as KubeReader
 */
export async function runsEverywhere(
  kube: Pick<KubeReader, 'get'>,
  of: Pick<OnEveryNode, 'namespace' | 'name'>,
  image: string,
  nodes: number,
): Promise<boolean> {
  const live = await kube.get('daemonsets.apps', of.name, of.namespace)
  const { containers = [] } = (live as unknown as DaemonSet | undefined)?.spec?.template.spec ?? {}
  return (
    containers.length > 0 &&
    containers.every((one) => one.image === image) &&
    (nodesServed(live) ?? 0) >= nodes
  )
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
    const serving = nodesServed(found)
    if (serving === undefined) return 'not looked at by the cluster yet'
    const { desiredNumberScheduled: all = 0 } = statusOf(found)
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
