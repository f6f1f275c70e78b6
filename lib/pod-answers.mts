import { failed, passed, warning, type Answer, type CheckTools } from './checks.mts'
import type { LiveObject } from './k8s.mts'
import { componentOf, crashesIn, isStaying, nodeOf, unreadyIn } from './pod-status.mts'

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

const ofPart = (pods: readonly LiveObject[], part: string): LiveObject[] =>
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
