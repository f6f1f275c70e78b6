import { failed, passed, warning, type Answer, type Check, type CheckTools } from './checks.mts'
import { settledCrashes } from './crashes.mts'
import { applicationPods, crowdedAnswer, readPods, readyAnswer, spreadAnswer } from './pods.mts'
import { jobLabel, jobState } from '../kube/manifests/jobs.mts'
import type { Deployment, Job, LiveObject } from '../kube/types.mts'
import type { Settings } from '../settings/settings.mts'

/** An application, as the standard checks need it. */
export interface CheckedApplication<S extends Settings> {
  /** Its label `app.kubernetes.io/name`, and the prefix of its checks' ids: `n8n`. */
  readonly name: string
  /** Its namespace, by environment. */
  readonly namespace: (env: string) => string
  /** The components each of which must have a pod: `main`, `webhook`, `worker`. */
  readonly parts: readonly string[]
  /** The components that must run on two nodes; default: all. */
  readonly spread?: readonly string[]
  /** Why one node is enough with these settings; undefined when it is not. */
  readonly aloneBecause?: (settings: S) => string | undefined
  /** A further test of each pod, beside its readiness: its problems, none when it is healthy. */
  readonly problemsOf?: (tools: CheckTools<S>, pod: LiveObject) => Promise<readonly string[]>
  /** What to do when a pod is not ready, shown after the command for its log. */
  readonly readiness: string
}

/** An application's pods that are not being deleted, read once for all checks. @throws KitError as applicationPods */
export const podsOf = <S extends Settings>(
  { name, namespace }: Pick<CheckedApplication<S>, 'name' | 'namespace'>,
  tools: CheckTools<S>,
): Promise<LiveObject[]> => applicationPods(tools, namespace(tools.settings.ENV), name)

/** The checks of every application: its pods are ready, run on two nodes, and none crashed. */
export function standardChecks<S extends Settings>(application: CheckedApplication<S>): Check<S>[] {
  const { name, parts, spread = parts, aloneBecause, problemsOf, readiness } = application
  return [
    {
      id: `${name}.ready`,
      title: `Every pod is ready: ${parts.join(', ')}`,
      fix: `kubectl -n NAMESPACE logs POD: ${readiness}`,
      async ask(tools) {
        const pods = await podsOf(application, tools)
        const answer = readyAnswer(pods, parts)
        if (answer.result === 'failed' || problemsOf === undefined) return answer
        const problems = (await Promise.all(pods.map((pod) => problemsOf(tools, pod)))).flat()
        return problems.length === 0 ? answer : failed(`not ready: ${problems.join(', ')}`)
      },
    },
    {
      id: `${name}.spread`,
      title: `Pods run on two nodes each: ${spread.join(', ')}`,
      fix: 'run the module again: it evicts one of the pods that share a node, when another node has room; kubectl -n NAMESPACE get pods -o wide shows where they are',
      async ask(tools) {
        const pods = await podsOf(application, tools)
        const because = aloneBecause?.(tools.settings)
        const answer = spreadAnswer(pods, spread, because)
        return answer.result === 'passed' || because !== undefined
          ? answer
          : crowdedAnswer(tools, pods, spread, answer)
      },
    },
    {
      id: `${name}.restarts`,
      title: 'No container crashed in the last ten minutes',
      fix: 'kubectl -n NAMESPACE logs POD --previous shows its last lines',
      ask: async (tools) =>
        settledCrashes(await podsOf(application, tools), () =>
          readPods(tools, application.namespace(tools.settings.ENV), name),
        ),
    },
  ]
}

/**
 * The answer of a check that a Job which prepares the database ran with the image of the pods.
 * @param job its task, as in its label: `migrate`
 * @param deployment one with the same image
 * @throws KitError exit 3 or 5 to 9 from kubectl
 */
export async function imageAnswer(
  { kube }: Pick<CheckTools, 'kube'>,
  { namespace, job, deployment }: Readonly<Record<'namespace' | 'job' | 'deployment', string>>,
): Promise<Answer> {
  const running = imageOf(await kube.get('deployments.apps', deployment, namespace))
  const jobs = await kube.list('jobs.batch', { namespace, labels: { [jobLabel]: job } })
  // A rollback deletes the Jobs: the next install prepares the database again.
  if (jobs.length === 0) return warning('there is no Job of it: that is so after a rollback')
  const done = jobs.find((one) => jobState(one) === 'complete')
  if (done === undefined) return failed(`no Job ${job} is complete`)
  return imageOf(done) === running
    ? passed(done.metadata.name)
    : failed(`the Job ${job} ran ${imageOf(done)}, the pods run ${running}`)
}

const imageOf = (live: unknown): string | undefined =>
  (live as Deployment | Job | undefined)?.spec?.template.spec?.containers[0]?.image

/** The check of an application with jobs in Redis: none of them may be evicted. @param application prefix of its id */
export const evictionCheck = <S extends Settings>(application: string): Check<S> => ({
  id: `${application}.eviction`,
  title: 'Redis keeps queued jobs',
  fix: 'redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf',
  async ask({ redis }) {
    const policy = await redis.evictionPolicy()
    if (policy === undefined) return warning('the server does not tell its maxmemory-policy')
    return policy === 'noeviction' ? passed(policy) : warning(policy)
  },
})
