import { diagnosePod } from './diagnosis.mts'
import { clusterFaults, type Fault } from '../cluster-faults.mts'
import type { Look } from '../cluster-view.mts'
import { endingText, isEnding } from '../deletion-text.mts'
import { nameOf, type Deployment, type LiveObject, type Pod } from '../types.mts'
import type { KubeReader } from '../reader.mts'
import { isPodReady, nodeOf } from '../pods.mts'
import { isServing } from './progress.mts'
import { drilledReplicas, isScaledToZero, isWorkload, scaleUp } from '../workloads.mts'

/** The current state of a module. */
export interface Health {
  readonly state: 'not installed' | 'healthy' | 'degraded'
  /** One line for each object that is being deleted, and each workload that does not serve or is scaled to 0. */
  readonly problems: readonly string[]
  /** What does not keep it from serving, and the operator should know. */
  readonly warnings: readonly string[]
}

/**
 * The health of a module by its workloads, the pods of those that do not serve, and its objects that are being deleted,
 * which still serve but soon will not.
 * @param objects the module's live objects
 * @throws KitError, see Api
 */
export async function healthOf(kube: KubeReader, objects: readonly LiveObject[]): Promise<Health> {
  const workloads = objects.filter(isWorkload)
  const problems = objects.filter(isEnding).map(endingText)
  if (workloads.length === 0) return { state: 'not installed', problems, warnings: [] }
  const staying = workloads.filter((one) => !isEnding(one))
  for (const live of staying.filter((one) => !isServing(one) || isScaledToZero(one)))
    problems.push(await problemOf(kube, live))
  return { state: stateBy(problems), problems, warnings: [] }
}

const stateBy = (problems: readonly string[]): Health['state'] =>
  problems.length === 0 ? 'healthy' : 'degraded'

/**
 * The health of the module that makes the cluster: that of the cluster itself.
 * @param own the health of the module's workloads
 */
export function healthOfCluster(look: Look, own: Health): Health {
  const { fatal, partial, notes } = clusterFaults(look)
  const problems = [...[...fatal, ...partial].map(faultText), ...own.problems]
  return { state: stateBy(problems), problems, warnings: notes.map(faultText) }
}

/**
 * The health of a module on its cluster: nothing serves as it should on one without names or nodes.
 * @param own the health by the module's own objects
 */
export function healthOnCluster(look: Look, own: Health): Health {
  if (own.state === 'not installed') return own
  const { fatal, partial, notes } = clusterFaults(look)
  const problems = [...own.problems, ...fatal.map(faultText)]
  return { state: stateBy(problems), problems, warnings: [...partial, ...notes].map(faultText) }
}

const faultText = ({ text, next }: Fault): string => (next === undefined ? text : `${text}; ${next}`)

/** `Deployment n8n-staging/n8n-worker 1/2 ready: it crashes again and again` */
async function problemOf(kube: KubeReader, live: LiveObject): Promise<string> {
  const { spec, status } = live as unknown as Deployment
  if (isScaledToZero(live)) return scaledText(live)
  const ready = `${nameOf(live)} ${status?.availableReplicas ?? 0}/${spec?.replicas ?? 1} ready`
  const { namespace = '' } = live.metadata
  const pods = await kube.list('pods', { namespace, labels: spec?.selector.matchLabels ?? {} })
  const diagnosis = pods
    .map((pod) => diagnosePod(pod as unknown as Pod, { podsEnding: false }))
    .find((found) => found !== undefined)
  if (diagnosis !== undefined) return `${ready}: ${diagnosis.what} (${diagnosis.where})`
  const unready = pods.find((pod) => !isPodReady(pod))
  if (unready === undefined) return ready
  return `${ready}: ${unready.metadata.name} on ${nodeOf(unready) || 'no node yet'} is not ready`
}

/** `Deployment n8n-staging/n8n is scaled to 0`, and what gives it its pods back. */
function scaledText(live: LiveObject): string {
  const before = live.metadata.annotations?.[drilledReplicas]
  return before === undefined
    ? `${nameOf(live)} is scaled to 0: it does not serve; ${scaleUp(live)}`
    : `${nameOf(live)} is scaled to 0 by a drill, which gives it its ${Number(before)} pods back, or else the next run of the module`
}
