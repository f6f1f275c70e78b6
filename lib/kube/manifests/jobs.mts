import type { Job, LiveObject, PodSpec } from '../types.mts'
import { sha256 } from './objects.mts'

// Jobs as data. A Job is an action, not an object of a revision: it runs once for its image and inputs.

/** The label that groups the Jobs with the same task: `prepare`. */
export const jobLabel = 'keybuzz.io/job'

/** What a Job is built from. */
export interface JobOptions {
  readonly namespace: string
  /** Its task, in one word: `prepare`. */
  readonly name: string
  /** The application it belongs to: Jobs are called `chatwoot-prepare-0123456789`. */
  readonly application: string
  readonly pod: PodSpec
  /** The values it depends on. The Job's name contains the hash of them and of the pod, image included. */
  readonly inputs: unknown
  /** activeDeadlineSeconds: Kubernetes then fails the Job. */
  readonly deadlineSeconds: number
}

/**
 * A Job that runs once for its image and inputs: another image or value makes another Job. A pod evicted from a drained
 * node is created again; one that fails is not, because a failed migration must be examined.
 */
export const job = ({ namespace, name, application, pod, inputs, deadlineSeconds }: JobOptions): Job => {
  const labels = { 'app.kubernetes.io/name': application, [jobLabel]: name }
  const hash = sha256([inputs, pod, deadlineSeconds]).slice(0, 10)
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { namespace, name: `${application}-${name}-${hash}`, labels },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: deadlineSeconds,
      podFailurePolicy: {
        rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
      },
      template: { metadata: { labels }, spec: { ...pod, restartPolicy: 'Never' } },
    },
  }
}

/** Whether a Job still runs, and how it ended. */
export type JobState = 'active' | 'complete' | 'failed'

/** The state of a live Job (its conditions Complete and Failed are final). */
export function jobState(live: LiveObject): JobState {
  if (hasCondition(live, 'Complete')) return 'complete'
  return hasCondition(live, 'Failed') ? 'failed' : 'active'
}

/**
 * True for an active Job none of whose pods runs yet: it would do its work later, whatever was done meanwhile. A pod
 * that is being deleted has begun, and may still run on a node that does not answer.
 */
export function hasNotBegun(live: LiveObject): boolean {
  const status = (live['status'] ?? {}) as NonNullable<Job['status']> & { terminating?: number }
  const { ready, succeeded = 0, terminating = 0 } = status
  return jobState(live) === 'active' && ready === 0 && succeeded === 0 && terminating === 0
}

/** The reason of a Job's condition Failed: `DeadlineExceeded: Job was active longer than specified deadline`. */
export function failureOf(live: LiveObject): string {
  const { reason = 'Failed', message = '' } = conditionsOf(live).find(({ type }) => type === 'Failed') ?? {}
  return message === '' ? reason : `${reason}: ${message}`
}

const hasCondition = (live: LiveObject, wanted: string): boolean =>
  conditionsOf(live).some(({ type, status }) => type === wanted && status === 'True')

const conditionsOf = (live: LiveObject) =>
  (live['status'] as NonNullable<Job['status']> | undefined)?.conditions ?? []
