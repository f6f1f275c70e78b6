import type { LiveObject } from './k8s.mts'

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
