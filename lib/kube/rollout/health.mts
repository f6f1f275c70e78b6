import { diagnosePod } from './diagnosis.mts'
import { isReady, type Look } from '../cluster-view.mts'
import { endingText, isEnding } from '../deletion-text.mts'
import { nameOf, type Deployment, type LiveObject, type Pod } from '../types.mts'
import type { KubeReader } from '../reader.mts'
import { isPodReady, isScaledToZero, isServing } from './progress.mts'
import { isWorkload } from '../workloads.mts'

/** The current state of a module. */
export interface Health {
  readonly state: 'not installed' | 'healthy' | 'degraded'
  /** One line for each object that is being deleted, and each workload that does not serve or is scaled to 0. */
  readonly problems: readonly string[]
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
  if (workloads.length === 0) return { state: 'not installed', problems }
  const staying = workloads.filter((one) => !isEnding(one))
  for (const live of staying.filter((one) => !isServing(one) || isScaledToZero(one)))
    problems.push(await problemOf(kube, live))
  return { state: problems.length === 0 ? 'healthy' : 'degraded', problems }
}

/** The health of the cluster itself by its nodes, for module 9. */
export function healthOfNodes({ nodes }: Look): Health {
  const problems = nodes.filter((node) => !isReady(node)).map((node) => `${nameOf(node)} is not Ready`)
  return { state: problems.length === 0 ? 'healthy' : 'degraded', problems }
}

/** `Deployment n8n-staging/n8n-worker 1/2 ready: it crashes again and again` */
async function problemOf(kube: KubeReader, live: LiveObject): Promise<string> {
  const { spec, status } = live as unknown as Deployment
  const ready = `${nameOf(live)} ${status?.availableReplicas ?? 0}/${spec?.replicas ?? 1} ready`
  const { namespace = '' } = live.metadata
  const pods = await kube.list('pods', { namespace, labels: spec?.selector.matchLabels ?? {} })
  const diagnosis = pods
    .map((pod) => diagnosePod(pod as unknown as Pod, { podsEnding: false }))
    .find((found) => found !== undefined)
  if (diagnosis !== undefined) return `${ready}: ${diagnosis.what} (${diagnosis.where})`
  const unready = pods.map((pod) => pod as unknown as Pod).find((pod) => !isPodReady(pod))
  if (unready === undefined) return ready
  return `${ready}: ${unready.metadata?.name} on ${unready.spec?.nodeName ?? 'no node yet'} is not ready`
}
