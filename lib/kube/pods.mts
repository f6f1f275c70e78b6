import type { LiveObject, Pod, PodSpec } from './types.mts'

// Pure: how far a pod has come, and where it is.

/** True for a pod whose containers may run: it has neither succeeded nor failed. */
export const mayRun = (pod: LiveObject): boolean => {
  const { phase } = (pod['status'] ?? {}) as { phase?: string }
  return phase !== 'Succeeded' && phase !== 'Failed'
}

/** True for a pod that may run and is not being deleted. */
export const staysOn = (pod: LiveObject): boolean =>
  pod.metadata.deletionTimestamp === undefined && mayRun(pod)

/** True for a pod that has no node yet, or whose containers have not all started. */
export const isPending = (pod: LiveObject): boolean =>
  (pod['status'] as { phase?: string } | undefined)?.phase === 'Pending'

/** True when a pod's condition Ready is True. */
export const isPodReady = (pod: LiveObject | Pod): boolean =>
  (pod as Pod).status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false

/** True for a pod that Services send to from now on: it is ready, and is not being deleted. */
export const isPodServing = (pod: LiveObject): boolean =>
  pod.metadata.deletionTimestamp === undefined && isPodReady(pod)

/** The name of a pod's node; empty before it has one. */
export const nodeOf = ({ spec }: LiveObject): string => (spec as PodSpec | undefined)?.nodeName ?? ''

/** When an object was made, in milliseconds since 1970; NaN for one that was never sent. */
export const madeAt = ({ metadata }: LiveObject): number => Date.parse(metadata.creationTimestamp ?? '')
