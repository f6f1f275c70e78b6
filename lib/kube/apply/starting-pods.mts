import { requestOf, type Amount } from '../amounts.mts'
import { isDone } from '../rollout/job.mts'
import { withAgents } from '../manifests/injection.mts'
import { isPodReady } from '../pods.mts'
import { isSelected } from '../rollout/progress.mts'
import {
  type Deployment,
  type HorizontalPodAutoscaler,
  type Job,
  type LiveObject,
  nameOf,
  type Pod,
  type PodSpec,
} from '../types.mts'
import { isWorkload } from '../workloads.mts'
import type { Planned } from './diff.mts'
import { isOnNode, type Starting } from './room.mts'
import { scalerOf } from './send.mts'

// Pure: which pods the planned changes start, and which pods end for them.

/** The planned changes, and the pods they meet. */
export interface PlannedPods {
  readonly planned: readonly Planned[]
  /** Live objects by nameOf. */
  readonly live: ReadonlyMap<string, LiveObject>
  /** Live workloads that the run deletes. */
  readonly leaving: readonly LiveObject[]
  /** The pods of the cluster. */
  readonly pods: readonly LiveObject[]
}

/** Pods that must find room, and the pods that will have ended by then. */
export interface Need {
  readonly starting: readonly Starting[]
  readonly gone: ReadonlySet<LiveObject>
}

/** What a run needs, from its first pod to its last. */
export interface Needs {
  /**
   * The least that all workloads of the run need, changed or not, were none of their pods there, and no Job's of the
   * cluster: where this finds no room, nothing does.
   */
  readonly least: Need
  /** When every rollout is complete. */
  readonly atEnd: Need
  /** Of each Job: it runs alone. */
  readonly jobs: readonly Need[]
  /** Of each rollout that starts a pod before one of its old pods ends. */
  readonly besides: readonly Need[]
}

/** True when a change starts pods, or may. */
export const startsPods = (planned: readonly Planned[]): boolean =>
  planned.some(
    ({ manifest, comparison }) =>
      comparison.status !== 'unchanged' &&
      (isWorkload(manifest) || manifest.kind === 'Job' || manifest.kind === 'HorizontalPodAutoscaler'),
  )

/** One workload that is changed. StatefulSets have the same fields. */
interface Rollout {
  readonly manifest: Deployment
  /** Its pods on nodes. */
  readonly running: readonly LiveObject[]
  readonly wanted: number
  /** True when its pod template changes: each of its pods is replaced. */
  readonly replaces: boolean
}

/** What these changes need. */
export function needsOfPods({ planned, live, leaving, pods }: PlannedPods): Needs {
  const manifests = planned.map(({ manifest }) => manifest)
  const changed = new Set(
    planned.flatMap((one) => (one.comparison.status === 'unchanged' ? [] : [one.manifest])),
  )
  const running = pods.filter(isOnNode)
  const rollouts = planned.flatMap((one): Rollout[] => {
    const manifest = one.manifest as Deployment
    const scaler = scalerOf(manifest, manifests)
    if (!isWorkload(manifest) || !(changed.has(manifest) || (scaler !== undefined && changed.has(scaler))))
      return []
    return [
      {
        manifest,
        running: running.filter((pod) => isPodOf(manifest, pod)),
        wanted: wantedOf(manifest, scaler, live.get(nameOf(manifest))),
        replaces: one.comparison.fields.some(({ path }) => /^spec\.template(\.|$)/.test(path)),
      },
    ]
  })
  const left = running.filter((pod) => leaving.some((one) => isPodOf(one as unknown as Deployment, pod)))
  const workloads = manifests.filter(isWorkload) as Deployment[]
  const gone = new Set([...left, ...rollouts.flatMap((one) => (one.replaces ? one.running : []))])
  const jobs = manifests.filter((one): one is Job => one.kind === 'Job' && !isDone(one as Job, live.values()))
  return {
    least: {
      starting: workloads.flatMap((one) => startingOf(one, leastOf(one, scalerOf(one, manifests)))),
      gone: new Set([
        ...left,
        ...running.filter((pod) => isOfJob(pod) || workloads.some((one) => isPodOf(one, pod))),
      ]),
    },
    atEnd: { starting: rollouts.flatMap((one) => startingOf(one.manifest, countAtEnd(one))), gone },
    jobs: jobs
      .filter((one) => !running.some((pod) => isPodOfJob(one, pod)))
      .map((one) => ({ starting: startingOf(one, 1), gone })),
    besides: rollouts.filter(startsBeside).map((one) => ({
      starting: startingOf(one.manifest, 1),
      gone: new Set([
        ...left,
        ...endingFirst(one),
        ...rollouts.filter((other) => other !== one).flatMap(shrinking),
      ]),
    })),
  }
}

const podOf = ({ spec }: Deployment | Job): PodSpec | undefined => spec && withAgents(spec.template)

const startingOf = (manifest: Deployment | Job, count: number): Starting[] => {
  const pod = podOf(manifest)
  return pod === undefined || count <= 0
    ? []
    : [{ what: nameOf(manifest), pod, request: requestOf(pod), count }]
}

const countAtEnd = ({ replaces, wanted, running }: Rollout): number =>
  replaces ? wanted : wanted - running.length

/** How few pods it may have. */
const leastOf = ({ spec }: Deployment, scaler: HorizontalPodAutoscaler | undefined): number =>
  spec?.replicas ?? scaler?.spec?.minReplicas ?? 1

const isOfJob = ({ metadata }: LiveObject): boolean =>
  metadata.ownerReferences?.some(({ kind }) => kind === 'Job') === true

/** How many pods it will have: an autoscaler keeps those that are there. */
function wantedOf(
  { spec }: Deployment,
  scaler: HorizontalPodAutoscaler | undefined,
  live: LiveObject | undefined,
): number {
  if (spec?.replicas !== undefined) return spec.replicas
  const now = (live as unknown as Deployment | undefined)?.spec?.replicas ?? 1
  const { minReplicas = 1, maxReplicas = now } = scaler?.spec ?? {}
  return scaler === undefined ? now : Math.min(maxReplicas, Math.max(minReplicas, now))
}

function isPodOf({ metadata, spec }: Pick<Deployment, 'metadata' | 'spec'>, pod: LiveObject): boolean {
  const { matchLabels } = spec?.selector ?? {}
  return (
    matchLabels !== undefined &&
    pod.metadata.namespace === metadata?.namespace &&
    isSelected(pod.metadata.labels, matchLabels)
  )
}

const isPodOfJob = ({ metadata }: Job, pod: LiveObject): boolean =>
  pod.metadata.namespace === metadata?.namespace &&
  pod.metadata.labels?.['batch.kubernetes.io/job-name'] === metadata?.name

/**
 * True when a new pod starts while all old ones run: with maxUnavailable 0. One at a time is enough, also with a larger
 * surge.
 */
function startsBeside({ manifest, running, replaces, wanted }: Rollout): boolean {
  const { type = 'RollingUpdate', rollingUpdate } = manifest.spec?.strategy ?? {}
  if (!replaces || running.length === 0 || manifest.kind !== 'Deployment' || type === 'Recreate') return false
  const { maxUnavailable = '25%' } = rollingUpdate ?? {}
  const percent = /^(\d+)%$/.exec(String(maxUnavailable))?.[1]
  return (percent === undefined ? Number(maxUnavailable) : Math.floor((wanted * Number(percent)) / 100)) === 0
}

/** Pods of an earlier rollout that failed: beyond the wanted number, one that is not ready ends before a new one starts. */
const endingFirst = ({ running, wanted }: Rollout): LiveObject[] =>
  running.length > wanted ? running.filter((one) => !isPodReady(one)) : []

/** Old pods that are replaced by smaller ones: they may be gone before another rollout needs the room. */
function shrinking({ manifest, running, replaces }: Rollout): LiveObject[] {
  const pod = podOf(manifest)
  if (!replaces || pod === undefined) return []
  const after = requestOf(pod)
  return running.filter((one) => isLess(after, requestOf((one as unknown as Pod).spec as PodSpec)))
}

const isLess = (a: Amount, b: Amount): boolean => a.cpuMillis < b.cpuMillis || a.memoryBytes < b.memoryBytes
