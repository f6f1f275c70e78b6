import { crowdOf, shareNode } from '../kube/apply/crowd.mts'
import { nodeOf } from '../kube/pods.mts'
import type { LiveObject } from '../kube/types.mts'
import { failed, passed, warning, type Answer, type CheckTools, type Places } from './checks.mts'

// Pure: the container statuses of a pod, for checks of several modules.

export interface ContainerStatus {
  readonly name: string
  readonly ready: boolean
  readonly restartCount: number
  readonly lastState?: { readonly terminated?: { readonly reason?: string; readonly finishedAt?: string } }
}

/** The statuses of containers and of sidecars, which Kubernetes lists as init containers. */
export function statusesOf({ status }: LiveObject): ContainerStatus[] {
  const of = status as Partial<Record<'containerStatuses' | 'initContainerStatuses', ContainerStatus[]>>
  return [...(of.initContainerStatuses ?? []), ...(of.containerStatuses ?? [])]
}

/** The containers that are not ready: `pod/container`. */
export const unreadyIn = (pod: LiveObject): string[] =>
  statusesOf(pod).flatMap(({ name, ready }) => (ready ? [] : [`${pod.metadata.name}/${name}`]))

/** The label app.kubernetes.io/component of a pod; empty without it. */
export const componentOf = ({ metadata }: LiveObject): string =>
  metadata.labels?.['app.kubernetes.io/component'] ?? ''

/** True for a pod that is not being deleted. */
export const isStaying = ({ metadata }: LiveObject): boolean => metadata.deletionTimestamp === undefined

// Answers about an application's pods, for checks of several modules. Parts are components: `web`, `worker`.

/**
 * An application's pods that are not being deleted, read once for all checks.
 * @param application its label app.kubernetes.io/name: `n8n`
 * @throws KitError exit 3 or 5 to 9 from kubectl
 */
export const applicationPods = (
  { kube, once }: Pick<CheckTools, 'kube' | 'once'>,
  namespace: string,
  application: string,
): Promise<LiveObject[]> => once(`${application}.pods`, () => readPods({ kube }, namespace, application))

/** As applicationPods, read anew. @throws KitError exit 3 or 5 to 9 from kubectl */
export async function readPods(
  { kube }: Pick<CheckTools, 'kube'>,
  namespace: string,
  application: string,
): Promise<LiveObject[]> {
  const labels = { 'app.kubernetes.io/name': application }
  return (await kube.list('pods', { namespace, labels })).filter(isStaying)
}

/** The pods of one component. */
export const ofPart = (pods: readonly LiveObject[], part: string): LiveObject[] =>
  pods.filter((pod) => componentOf(pod) === part)

/** Failed when a part has no pod, or a container is not ready. */
export function readyAnswer(pods: readonly LiveObject[], parts: readonly string[]): Answer {
  const counts = parts.map((part) => [part, ofPart(pods, part).length] as const)
  const down = [
    ...counts.flatMap(([part, count]) => (count === 0 ? [`no pod of ${part}`] : [])),
    ...parts.flatMap((part) => ofPart(pods, part).flatMap(unreadyIn)),
  ]
  return down.length === 0
    ? passed(counts.map(([part, count]) => `${part} ${count}`).join(', '))
    : failed(`not ready: ${down.join(', ')}`, firstUnready(pods, parts))
}

function firstUnready(pods: readonly LiveObject[], parts: readonly string[]): Places {
  const found = parts.flatMap((part) => ofPart(pods, part)).find((pod) => unreadyIn(pod).length > 0)
  return found === undefined ? {} : { POD: `${found.metadata.name} --all-containers` }
}

/** A warning when all pods of a part run on one node. @param because why that is expected; undefined when it is not */
export function spreadAnswer(
  pods: readonly LiveObject[],
  parts: readonly string[],
  because?: string,
): Answer {
  const counts = parts.map((part) => [part, new Set(ofPart(pods, part).map(nodeOf)).size] as const)
  const text = counts.map(([part, count]) => `${part} on ${count}`).join(', ')
  if (counts.every(([, count]) => count >= 2)) return passed(text)
  return warning(because === undefined ? text : `${text}: ${because}`)
}

/**
 * Failed when pods of a part share a node while another one has room for one of them; else the given answer. The pods
 * of the cluster are read only when some share a node.
 * @param otherwise the answer of spreadAnswer
 * @throws KitError exit 3 or 5 to 9 from kubectl
 */
export async function crowdedAnswer(
  { kube, once }: Pick<CheckTools, 'kube' | 'once'>,
  pods: readonly LiveObject[],
  parts: readonly string[],
  otherwise: Answer,
): Promise<Answer> {
  const sharing = parts.map((part) => ofPart(pods, part)).filter(shareNode)
  if (sharing.length === 0) return otherwise
  const [nodes, all] = await once('cluster.pods', () =>
    Promise.all([kube.list('nodes', {}), kube.list('pods', {})]),
  )
  const crowds = sharing.flatMap((fellows) => crowdOf(fellows, nodes, all) ?? [])
  return crowds.length === 0
    ? otherwise
    : failed(
        crowds
          .map(({ pod, node, room }) => `every ${componentOf(pod)} is on ${node}, and ${room} has room`)
          .join('; '),
      )
}
