import { jobState } from '../../lib/kube/manifests/jobs.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { conditionOf, type Job, type LiveObject, type StatefulSet } from '../../lib/kube/types.mts'

// Pods that the API server refuses to create. A Deployment says so itself; of StatefulSets and Jobs only events do. Pure.

/** The kinds of workloads, as kubectl names them. */
export const workloadKinds = ['deployments.apps', 'statefulsets.apps', 'jobs.batch'] as const

/** True for a StatefulSet with fewer pods than it should have, and for a Job that has not ended and has none. */
export const lacksPods = (one: LiveObject): boolean =>
  one.kind === 'StatefulSet' ? lacksReplicas(one) : one.kind === 'Job' && lacksItsPod(one)

const lacksReplicas = (one: LiveObject): boolean => {
  const { spec, status } = one as unknown as StatefulSet
  return (status?.replicas ?? 0) < (spec?.replicas ?? 1)
}

const lacksItsPod = (one: LiveObject): boolean => {
  const { spec, status } = one as unknown as Job
  return jobState(one) === 'active' && spec?.suspend !== true && (status?.active ?? 0) === 0
}

/**
 * One line for each workload whose pods are refused, with the API server's words.
 * @param events of the namespaces of those that lack pods
 */
export const refusals = (workloads: readonly LiveObject[], events: readonly LiveObject[]): string[] =>
  workloads.flatMap((one) => {
    const words = one.kind === 'Deployment' ? failureOf(one) : lacksPods(one) ? lastRefusal(one, events) : ''
    return words === '' ? [] : [`${one.metadata.namespace}/${one.metadata.name}: ${shortened(words, 240)}`]
  })

function failureOf(one: LiveObject): string {
  const { status, message = '' } = conditionOf(one, 'ReplicaFailure') ?? {}
  return status === 'True' ? message : ''
}

interface CreationEvent {
  readonly metadata: LiveObject['metadata']
  readonly involvedObject?: { readonly uid?: string }
  readonly reason?: string
  readonly message?: string
  readonly lastTimestamp?: string | null
}

const timeOf = ({ lastTimestamp, metadata }: CreationEvent): string =>
  lastTimestamp ?? metadata.creationTimestamp ?? ''

/** The message of the newest event about the creation of its pods; empty when the last one was created. */
function lastRefusal({ metadata }: LiveObject, events: readonly LiveObject[]): string {
  const newest = events
    .map((event) => event as unknown as CreationEvent)
    .filter(({ involvedObject, reason = '' }) => {
      return involvedObject?.uid === metadata.uid && ['FailedCreate', 'SuccessfulCreate'].includes(reason)
    })
    .toSorted((a, b) => timeOf(a).localeCompare(timeOf(b)))
    .at(-1)
  return newest?.reason === 'FailedCreate' ? (newest.message ?? '') : ''
}
