import { diagnosePod, diagnoseRefusal, diagnoseStuck } from './diagnosis.mts'
import { createAbsenceCheck, deletedMeanwhile, usualAbsenceSeconds } from './absence.mts'
import { createDeadNodeCheck, createEndingCheck } from '../dead-node.mts'
import { exitCodes, KitError } from '../../base/errors.mts'
import type { LiveObject, Pod } from '../types.mts'
import type { Kubectl } from '../kubectl.mts'
import { log } from '../../base/log.mts'
import { type KnownFailure, rolloutError } from './failure.mts'
import {
  availableText,
  hasRolledOut,
  newestPods,
  newestSets,
  podsBefore,
  stuckPods,
  waitingLine,
  type Rollouts,
} from './progress.mts'
import { waitForEndpoints } from './service-endpoints.mts'
import { waitWatching } from './wait.mts'
import { watchKind } from '../watch.mts'
import {
  isScaledToZero,
  resourceOf,
  scaleUp,
  shownName,
  workloadOf,
  type WorkloadKind,
} from '../workloads.mts'

/** Seconds a rollout may take in all, and without progress. */
export interface WaitLimits {
  readonly deadline: number
  readonly noProgress: number
  /** Seconds until a Deployment that the watch has not shown is requested. */
  readonly absence?: number
}

const usual: WaitLimits = { deadline: 1200, noProgress: 420 }

/**
 * Waits, with watches, until each workload serves with its newest pods, and its Services send there. A state that does
 * not end by itself ends the wait within seconds, with its cause (diagnosis.mts).
 * @param names of Deployments, or `statefulset/qdrant`; those of one kind are waited for together
 * @throws KitError exit 9 when a rollout cannot succeed, takes over 1200 s, makes no progress for 420 s, or its
 * Services do not list its pods in time (waitForEndpoints); exit 5 when a workload is deleted meanwhile; exit 130 or
 * 143 on a signal; see also Api
 */
export async function waitForDeployments(
  kubectl: Kubectl,
  namespace: string,
  names: readonly string[],
  failures: readonly KnownFailure[],
  limits = usual,
): Promise<void> {
  const workloads = names.map(workloadOf)
  for (const kind of ['StatefulSet', 'Deployment'] as const) {
    const ofKind = workloads.filter((one) => one.kind === kind).map(({ name }) => name)
    if (ofKind.length > 0) await waitForKind(kubectl, { namespace, kind, names: ofKind }, failures, limits)
  }
}

/** Workloads of one kind in one namespace. */
interface Awaited {
  readonly namespace: string
  readonly kind: WorkloadKind
  readonly names: readonly string[]
}

async function waitForKind(
  kubectl: Kubectl,
  awaited: Awaited,
  failures: readonly KnownFailure[],
  limits: WaitLimits,
): Promise<void> {
  const { namespace, kind, names } = awaited
  const started = performance.now()
  const word = kind.toLowerCase()
  const shownNames = names.map((name) => `${word}/${name}`).join(', ')
  let rolledOut: readonly LiveObject[] = []
  const isAbsent = createAbsenceCheck(
    kubectl,
    resourceOf(kind),
    namespace,
    limits.absence ?? usualAbsenceSeconds,
  )
  const onDeadNode = createDeadNodeCheck(kubectl)
  const isEnding = createEndingCheck(kubectl)
  await waitWatching((onChange) => {
    const watch = (resource: string) => watchKind(kubectl, resource, namespace, onChange)
    const state = {
      workloads: watch(resourceOf(kind)),
      replicaSets: watch('replicasets.apps'),
      pods: watch('pods'),
      events: watch('events'),
    } satisfies Rollouts
    return {
      watched: Object.values(state),
      isDone() {
        rolledOut = names.flatMap((name) => state.workloads.objects.get(name) ?? [])
        return names.every((name) => hasRolledOut(state, name))
      },
      async failIfHopeless(seconds) {
        for (const name of names) {
          const { objects, deleted } = state.workloads
          if (deleted.has(name) || (!objects.has(name) && (await isAbsent(name, seconds))))
            throw deletedMeanwhile(`${word}/${name}`)
        }
        // Pods that are listed before their ReplicaSets would be judged as nobody's.
        if (!Object.values(state).every((one) => one.isListed())) return
        const pods = [...state.pods.objects.values()] as unknown as Pod[]
        const podsEnding = await isEnding(pods, seconds)
        await failIfFatal(kubectl, awaited, state, failures, { podsEnding, waited: seconds })
        for (const name of names) {
          const diagnosis = await onDeadNode(podsBefore(state, name), seconds)
          if (diagnosis === undefined) continue
          throw await rolloutError(kubectl, namespace, `${word}/${name}`, diagnosis, { failures })
        }
      },
      line: () => waitingLine(state, names, word),
      failIfLate(line, seconds, still) {
        const serving = names.flatMap((name) => state.workloads.objects.get(name) ?? []).map(availableText)
        failIfLate(limits, shownNames, [line, ...serving], seconds, still)
      },
    }
  })
  await waitForEndpoints(kubectl, namespace, names)
  sayReady(rolledOut, started)
}

/**
 * Logs which workloads are ready, and warns of those scaled to 0: they count as rolled out and do not serve.
 * @param live workloads that have rolled out
 * @param started from `performance.now()`
 */
export function sayReady(live: readonly LiveObject[], started?: number): void {
  const serving = live.filter((one) => !isScaledToZero(one))
  if (serving.length > 0) log.ok(`${serving.map(shownName).join(', ')} ready`, started)
  for (const one of live.filter(isScaledToZero)) log.warn(availableText(one), scaleUp(one))
}

async function failIfFatal(
  kubectl: Kubectl,
  { namespace, kind, names }: Awaited,
  state: Rollouts,
  failures: readonly KnownFailure[],
  how: { readonly podsEnding: boolean; readonly waited: number },
): Promise<void> {
  for (const name of names) {
    const workload = `${kind.toLowerCase()}/${name}`
    const diagnosis = [
      ...newestPods(state, name).map((pod) => diagnosePod(pod, how)),
      ...stuckPods(state, name).map((pod) => diagnoseStuck(pod, namespace)),
      ...newestSets(state, name).map((one) => diagnoseRefusal(one, workload)),
    ].find((found) => found !== undefined)
    if (diagnosis === undefined) continue
    const live = state.workloads.objects.get(name)
    const serving = live && availableText(live)
    throw await rolloutError(kubectl, namespace, workload, diagnosis, { failures, serving })
  }
}

/** Throws KitError exit 9 at a limit. @param lines for its details @param still seconds without progress */
function failIfLate(
  limits: WaitLimits,
  names: string,
  lines: readonly string[],
  seconds: number,
  still: number,
): void {
  if (seconds < limits.deadline && still < limits.noProgress) return
  const why =
    still >= limits.noProgress
      ? `nothing has moved for ${limits.noProgress} s`
      : `${limits.deadline} s have passed`
  throw new KitError(`${names} did not become ready: ${why}`, {
    exitCode: exitCodes.rolloutFailed,
    details: lines,
    hint: 'the last reason is above; run the same command again to go on waiting',
  })
}
