import type { LiveObject, PodSpec } from './types.mts'

// How long pods that are being deleted may take: each its own grace period, up to an hour for a worker that finishes its
// jobs, and a margin.

/** Seconds in which deleted objects are gone, beyond the grace period of the pods they wait for. */
export const marginSeconds = 900

/** The longest grace period of these pods, in seconds, or of the pods these workloads make; 0 without any. */
export const graceSecondsOf = (objects: readonly LiveObject[]): number =>
  Math.max(0, ...objects.map((one) => podSpecOf(one)?.terminationGracePeriodSeconds ?? 0))

function podSpecOf(one: LiveObject): Partial<PodSpec> | undefined {
  const spec = one['spec'] as (Partial<PodSpec> & { template?: { spec?: PodSpec } }) | undefined
  return one.kind === 'Pod' ? spec : spec?.template?.spec
}
