import type { Job, LiveObject, PodSpec } from '../types.mts'
import { sha256 } from './objects.mts'

// Jobs as data. A Job is an action, not an object of a revision: it runs once for what it is made from.

/** The label by which the Jobs that do one thing are told from others: `prepare`. */
export const jobLabel = 'keybuzz.io/job'

export interface JobOptions {
  readonly namespace: string
  /** What it does, in one word. */
  readonly name: string
  /** The application it belongs to: Jobs are called `chatwoot-prepare-0123456789`. */
  readonly application: string
  readonly pod: PodSpec
  /** The values it works with. The name carries the hash of them and of the pod, its image among it. */
  readonly inputs: unknown
  /** Seconds after which Kubernetes ends it. */
  readonly deadlineSeconds: number
}

/**
 * A Job that runs once for its image and inputs: another image or value makes another Job. A pod that a drained node
 * takes away is made again; one that fails is not, because a migration that failed must be looked at.
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

export type JobState = 'active' | 'complete' | 'failed'

/** How a live Job stands (its conditions Complete and Failed are final). */
export function jobState(live: LiveObject): JobState {
  if (hasCondition(live, 'Complete')) return 'complete'
  return hasCondition(live, 'Failed') ? 'failed' : 'active'
}

/** Why it failed, in Kubernetes' words: `DeadlineExceeded: Job was active longer than specified deadline`. */
export function failureOf(live: LiveObject): string {
  const { reason = 'Failed', message = '' } = conditionsOf(live).find(({ type }) => type === 'Failed') ?? {}
  return message === '' ? reason : `${reason}: ${message}`
}

const hasCondition = (live: LiveObject, wanted: string): boolean =>
  conditionsOf(live).some(({ type, status }) => type === wanted && status === 'True')

const conditionsOf = (live: LiveObject) =>
  (live['status'] as NonNullable<Job['status']> | undefined)?.conditions ?? []
