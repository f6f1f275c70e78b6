import type { LiveObject } from './k8s.mts'

/** What reaches an application goes first, what it reads goes last. */
const order = [
  'Ingress',
  'HorizontalPodAutoscaler',
  'PodDisruptionBudget',
  'Deployment',
  'DaemonSet',
  'Job',
  'Service',
]

/** Newest first: the last step's objects before those of the step before it, each step's in the order above. */
export function inRemovalOrder(
  objects: readonly LiveObject[],
  stepOf: (one: LiveObject) => string,
): LiveObject[] {
  const rank = ({ kind }: LiveObject) => (order.includes(kind) ? order.indexOf(kind) : order.length)
  return objects.toSorted((a, b) => stepOf(b).localeCompare(stepOf(a)) || rank(a) - rank(b))
}
