import type { LiveObject } from '../kube/types.mts'
import { failed, passed, warning, type Answer, type CheckTools } from './checks.mts'

// Pure: what a pod says of its containers, as checks of several modules read it.

export interface ContainerStatus {
  readonly name: string
  readonly ready: boolean
  readonly restartCount: number
  readonly lastState?: { readonly terminated?: { readonly reason?: string; readonly finishedAt?: string } }
}

/** Containers and their sidecars, which Kubernetes lists as init containers. */
export function statusesOf({ status }: LiveObject): ContainerStatus[] {
  const of = status as Partial<Record<'containerStatuses' | 'initContainerStatuses', ContainerStatus[]>>
  return [...(of.initContainerStatuses ?? []), ...(of.containerStatuses ?? [])]
}

/** `pod/container` of what is not ready. */
export const unreadyIn = (pod: LiveObject): string[] =>
  statusesOf(pod).flatMap(({ name, ready }) => (ready ? [] : [`${pod.metadata.name}/${name}`]))

/** `pod/container reason` of what ended after `since` and was started again. */
export const crashesIn = (pod: LiveObject, since: number): string[] =>
  statusesOf(pod).flatMap(({ name, lastState }) => {
    const { finishedAt, reason } = lastState?.terminated ?? {}
    return finishedAt !== undefined && Date.parse(finishedAt) > since
      ? [`${pod.metadata.name}/${name} ${reason}`]
      : []
  })

export const componentOf = ({ metadata }: LiveObject): string =>
  metadata.labels?.['app.kubernetes.io/component'] ?? ''

export const nodeOf = ({ spec }: LiveObject): string => (spec as { nodeName?: string }).nodeName ?? ''

export const isStaying = ({ metadata }: LiveObject): boolean => metadata.deletionTimestamp === undefined

// What checks of several modules ask and say of an application's pods. Parts are components: `web`, `worker`.

/** An application's pods that are not ending, asked once for all checks. */
export const applicationPods = (
  { kube, once }: Pick<CheckTools, 'kube' | 'once'>,
  namespace: string,
  application: string,
): Promise<LiveObject[]> =>
  once(`${application}.pods`, async () => {
    const labels = { 'app.kubernetes.io/name': application }
    return (await kube.list('pods', { namespace, labels })).filter(isStaying)
  })

/** Those of one component. */
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
    : failed(`not ready: ${down.join(', ')}`)
}

/** A warning when all pods of a part stand on one node. @param because why that must be so; undefined when it need not */
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

/** Failed when a container ended within the last ten minutes and was started again. */
export function crashAnswer(pods: readonly LiveObject[]): Answer {
  const since = Date.now() - 10 * 60 * 1000
  const crashed = pods.flatMap((pod) => crashesIn(pod, since))
  return crashed.length === 0 ? passed('none') : failed(crashed.join(', '))
}
