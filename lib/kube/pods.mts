import type { LiveObject, PodSpec } from './types.mts'

// Pure: how far a pod has come, and where it is.

/** True for a pod whose containers may run: it has neither succeeded nor failed. */
export const mayRun = (pod: LiveObject): boolean => {
  const { phase } = (pod['status'] ?? {}) as { phase?: string }
  return phase !== 'Succeeded' && phase !== 'Failed'
}

/** True for a pod that may run and is not being deleted. */
export const staysOn = (pod: LiveObject): boolean =>
  pod.metadata.deletionTimestamp === undefined && mayRun(pod)

/** The name of a pod's node; empty before it has one. */
export const nodeOf = ({ spec }: LiveObject): string => (spec as PodSpec | undefined)?.nodeName ?? ''

/** When an object was made, in milliseconds since 1970; NaN for one that was never sent. */
export const madeAt = ({ metadata }: LiveObject): number => Date.parse(metadata.creationTimestamp ?? '')
