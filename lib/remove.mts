import type { LiveObject } from './k8s.mts'
import type { Kubectl } from './kubectl.mts'

/** Seconds a deleted Deployment's pods may take to end: their own grace period, and a margin. */
const longest = 900

/**
 * Deletes objects, in this order.
 * @param wait until they and everything they own are gone: nothing talks to a backend any more then
 */
export async function deleteObjects(
  kubectl: Kubectl,
  objects: readonly LiveObject[],
  { wait }: { wait: boolean },
): Promise<void> {
  const items = objects.map(({ apiVersion, kind, metadata: { name, namespace } }) => ({
    apiVersion,
    kind,
    metadata: { name, namespace },
  }))
  const how = wait ? ['--cascade=foreground', '--wait=true', `--timeout=${longest}s`] : ['--wait=false']
  await kubectl.run(['delete', '--ignore-not-found', ...how, '-f', '-'], {
    input: { apiVersion: 'v1', kind: 'List', items },
    ...(wait ? { timeoutSeconds: longest } : {}),
  })
}

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
