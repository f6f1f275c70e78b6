import { diagnosePod } from './diagnosis.mts'
import { isReady, type Look } from '../cluster-view.mts'
import { nameOf, type Deployment, type LiveObject, type Pod } from '../types.mts'
import type { KubeReader } from '../reader.mts'
import { isPodReady, isScaledToZero, isServing } from './progress.mts'

/** The current state of a module. */
export interface Health {
  readonly state: 'not installed' | 'healthy' | 'degraded'
  /** One line for each Deployment that does not serve as it should. */
  readonly problems: readonly string[]
}

/**
 * The health of a module by its Deployments, and by the pods of those that do not serve.
 * @param objects the module's live objects
 * @throws KitError, see Kubectl.run
 */
export async function healthOf(kube: KubeReader, objects: readonly LiveObject[]): Promise<Health> {
  const deployments = objects.filter(({ kind }) => kind === 'Deployment')
  if (deployments.length === 0) return { state: 'not installed', problems: [] }
  const problems: string[] = []
  for (const live of deployments.filter((one) => !isServing(one) || isScaledToZero(one)))
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
