import { diagnosePod, waitingReason } from './diagnosis.mts'
import { createAbsenceCheck, deletedMeanwhile } from './absence.mts'
import { createDeadNodeCheck, PodCannotEnd } from '../dead-node.mts'
import { exitCodes, KitError, messageOf, unlessInterrupted } from '../../base/errors.mts'
import { failureOf, jobState } from '../manifests/jobs.mts'
import type { Job, LiveObject, Pod } from '../types.mts'
import type { Kubectl } from '../kubectl.mts'
import { log, record } from '../../base/log.mts'
import { type KnownFailure, explainLines, lastLines, rolloutError } from './failure.mts'
import { waitWatching } from './wait.mts'
import { watchKind } from '../watch.mts'

/** Seconds beyond the Job's activeDeadlineSeconds within which Kubernetes marks it Failed. */
const marginSeconds = 60

/** The Job that is waited for. */
export interface AwaitedJob {
  readonly namespace: string
  readonly name: string
  readonly deadlineSeconds: number
}

/** What waitForJob needs of a Job, live or not. */
export const awaited = ({ metadata, spec }: Job): AwaitedJob => ({
  namespace: metadata?.namespace ?? '',
  name: metadata?.name ?? '',
  deadlineSeconds: spec?.activeDeadlineSeconds ?? 0,
})

/**
 * Watches a Job until it has completed. A pod state that does not end by itself ends the wait within seconds, with its
 * cause.
 * @param failures known log lines of the module
 * @throws KitError exit 9 when the Job fails or cannot start, with its last log lines and their meaning, or does not
 * end in time; PodCannotEnd (9) when the node of its pod does not answer; exit 5 when it is deleted meanwhile; exit 130
 * or 143 on a signal; see also Api
 */
export async function waitForJob(
  kubectl: Kubectl,
  { namespace, name, deadlineSeconds }: AwaitedJob,
  failures: readonly KnownFailure[],
): Promise<void> {
  const started = performance.now()
  const isAbsent = createAbsenceCheck(kubectl, 'jobs.batch', namespace)
  const onDeadNode = createDeadNodeCheck(kubectl)
  await waitWatching((onChange) => {
    const jobs = watchKind(kubectl, 'jobs.batch', namespace, onChange)
    const pods = watchKind(kubectl, 'pods', namespace, onChange)
    const ownPods = () => [...pods.objects.values()].filter((pod) => isPodOf(pod, name))
    return {
      watched: [jobs, pods],
      isDone: () => isIn('complete', jobs.objects.get(name)),
      async failIfHopeless(seconds) {
        const live = jobs.objects.get(name)
        if (jobs.deleted.has(name) || (live === undefined && (await isAbsent(name, seconds))))
          throw deletedMeanwhile(`job/${name}`)
        if (isIn('failed', live)) throw await jobError(kubectl, live as LiveObject, failures)
        await failIfStuck(kubectl, namespace, name, ownPods(), failures, seconds)
        const found = await onDeadNode(ownPods() as unknown as Pod[], seconds)
        if (found !== undefined) throw new PodCannotEnd(`job/${name}`, found)
      },
      line: () => `job/${name} ${reasonOf(ownPods())}`,
      failIfLate(line, seconds) {
        if (seconds > deadlineSeconds + marginSeconds) throw late(name, deadlineSeconds, line)
      },
    }
  })
  log.ok(`job/${name} done`, started)
}

const isIn = (state: ReturnType<typeof jobState>, live: LiveObject | undefined): boolean =>
  live !== undefined && jobState(live) === state

const isPodOf = ({ metadata }: LiveObject, job: string): boolean =>
  metadata.labels?.['batch.kubernetes.io/job-name'] === job

function reasonOf(pods: readonly LiveObject[]): string {
  const pod = pods.at(-1) as unknown as Pod | undefined
  if (pod === undefined) return 'has no pod yet'
  return pod.status?.phase === 'Running' ? 'is running' : `waits: ${waitingReason(pod, undefined)}`
}

async function failIfStuck(
  kubectl: Kubectl,
  namespace: string,
  name: string,
  pods: readonly LiveObject[],
  failures: readonly KnownFailure[],
  waited: number,
): Promise<void> {
  const found = pods
    .map((pod) => diagnosePod(pod as unknown as Pod, { podsEnding: false, waited }))
    .find((one) => one !== undefined)
  if (found !== undefined) throw await rolloutError(kubectl, namespace, `job/${name}`, found, { failures })
}

/**
 * The error (exit 9) for a Job that failed, with its pod's last log lines and their meaning.
 * @throws KitError exit 130 or 143 on a signal
 */
export async function jobError(
  kubectl: Kubectl,
  live: LiveObject,
  failures: readonly KnownFailure[],
): Promise<KitError> {
  const { lines, known } = explainLines(await linesOf(kubectl, live), failures)
  return new KitError(`job/${live.metadata.name} failed`, {
    exitCode: exitCodes.rolloutFailed,
    details: [failureOf(live), ...lines],
    hint: known?.next ?? 'read its last lines above; the next run deletes this Job and makes it again once',
  })
}

/** The pods of a Job, also of one that was deleted. @throws KitError, see Api */
export function podsOfJob(kubectl: Kubectl, { metadata }: LiveObject): Promise<LiveObject[]> {
  const { namespace = '', name } = metadata
  return kubectl.api.list('pods', { namespace, selector: `batch.kubernetes.io/job-name=${name}` })
}

/** The last log lines of a Job's pod; empty when there is no pod any more, or it or its log cannot be fetched. */
async function linesOf(kubectl: Kubectl, job: LiveObject): Promise<string[]> {
  const { metadata } = job
  const namespace = metadata.namespace ?? ''
  // Pods that cannot be listed must not hide that, and why, the Job failed.
  const pods = await podsOfJob(kubectl, job).catch(
    unlessInterrupted((thrown): LiveObject[] => {
      record(`the pods of job/${metadata.name} cannot be listed: ${messageOf(thrown)}`)
      return []
    }),
  )
  const pod = pods.at(-1) as unknown as Pod | undefined
  const [container] = pod?.spec?.containers ?? []
  if (pod?.metadata?.name === undefined || container === undefined) return []
  return lastLines(kubectl, namespace, { pod: pod.metadata.name, container: container.name, previous: false })
}

const late = (name: string, seconds: number, line: string): KitError =>
  new KitError(`job/${name} did not end: ${seconds} s have passed`, {
    exitCode: exitCodes.rolloutFailed,
    details: [line],
    hint: 'the last reason is above; run the same command again to go on waiting',
  })
