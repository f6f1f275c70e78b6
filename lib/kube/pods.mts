import type { LiveObject } from './types.mts'

// Pure: how far a pod has come.

/** True for a pod whose containers may run: it has neither succeeded nor failed. */
export const mayRun = (pod: LiveObject): boolean => {
  const { phase } = (pod['status'] ?? {}) as { phase?: string }
  return phase !== 'Succeeded' && phase !== 'Failed'
}

/** True for a pod that may run and is not being deleted. */
export const staysOn = (pod: LiveObject): boolean =>
  pod.metadata.deletionTimestamp === undefined && mayRun(pod)
