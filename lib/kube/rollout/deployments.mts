import { diagnoseDeployment, diagnosePod } from './diagnosis.mts'
import { createAbsenceCheck, deletedMeanwhile, usualAbsenceSeconds } from './absence.mts'
import { exitCodes, KitError } from '../../base/errors.mts'
import type { LiveObject } from '../types.mts'
import type { Kubectl } from '../kubectl.mts'
import { log } from '../../base/log.mts'
import { type KnownFailure, rolloutError } from './failure.mts'
import {
  availableText,
  hasRolledOut,
  isScaledToZero,
  newestPods,
  waitingLine,
  type Rollouts,
} from './progress.mts'
import { waitForEndpoints } from './service-endpoints.mts'
import { waitWatching } from './wait.mts'
import { watchKind } from '../watch.mts'

/** Seconds a rollout may take in all, and without progress. */
export interface WaitLimits {
  readonly deadline: number
  readonly noProgress: number
  /** Seconds until a Deployment that the watch has not shown is requested. */
  readonly absence?: number
}

const usual: WaitLimits = { deadline: 1200, noProgress: 420 }

/**
 * Waits until each Deployment serves with its newest pods, and its Services send there. Watches; a state that does not
 * end by itself ends the wait within seconds, with its cause (diagnosis.mts).
 * @param names of Deployments
 * @throws KitError exit 9 when a rollout cannot succeed, takes over 1200 s, or makes no progress for 420 s; exit 5 when
 * a Deployment is deleted meanwhile; exit 130 or 143 on a signal
 */
export async function waitForDeployments(
  kubectl: Kubectl,
  namespace: string,
  names: readonly string[],
  failures: readonly KnownFailure[],
  limits = usual,
): Promise<void> {
  const started = performance.now()
  const shownNames = shownDeployments(names)
  let rolledOut: readonly LiveObject[] = []
  const isAbsent = createAbsenceCheck(
    kubectl,
    'deployments.apps',
    namespace,
    limits.absence ?? usualAbsenceSeconds,
  )
  await waitWatching((onChange) => {
    const state: Rollouts = {
      deployments: watchKind(kubectl, 'deployments.apps', namespace, onChange),
      pods: watchKind(kubectl, 'pods', namespace, onChange),
      events: watchKind(kubectl, 'events', namespace, onChange),
    }
    return {
      watched: [state.deployments, state.pods, state.events],
      isDone() {
        rolledOut = names.flatMap((name) => state.deployments.objects.get(name) ?? [])
        return names.every((name) => hasRolledOut(state, name))
      },
      async failIfHopeless(seconds) {
        for (const name of names) {
          const { objects, deleted } = state.deployments
          if (deleted.has(name) || (!objects.has(name) && (await isAbsent(name, seconds))))
            throw deletedMeanwhile(`deployment/${name}`)
        }
        await failIfFatal(kubectl, namespace, state, names, failures)
      },
      line: () => waitingLine(state, names),
      failIfLate(line, seconds, still) {
        const serving = names.flatMap((name) => state.deployments.objects.get(name) ?? []).map(availableText)
        failIfLate(limits, shownNames, [line, ...serving], seconds, still)
      },
    }
  })
  await waitForEndpoints(kubectl, namespace, names)
  sayReady(rolledOut, started)
}

const shownDeployments = (names: readonly string[]): string =>
  names.map((name) => `deployment/${name}`).join(', ')

/**
 * Says which Deployments are ready, and warns of those scaled to 0, which are at once as wanted and do not serve.
 * @param live Deployments that have rolled out
 * @param started from `performance.now()`
 */
export function sayReady(live: readonly LiveObject[], started?: number): void {
  const serving = live.filter((one) => !isScaledToZero(one))
  if (serving.length > 0)
    log.ok(`${shownDeployments(serving.map((one) => one.metadata.name))} ready`, started)
  for (const one of live.filter(isScaledToZero)) {
    const { name, namespace = '' } = one.metadata
    log.warn(availableText(one), `kubectl --namespace ${namespace} scale deployment ${name} --replicas=1`)
  }
}

async function failIfFatal(
  kubectl: Kubectl,
  namespace: string,
  state: Rollouts,
  names: readonly string[],
  failures: readonly KnownFailure[],
): Promise<void> {
  const podsEnding = [...state.pods.objects.values()].some(
    ({ metadata }) => metadata.deletionTimestamp !== undefined,
  )
  for (const name of names) {
    const deployment = state.deployments.objects.get(name)
    const diagnosis =
      newestPods(state, name)
        .map((pod) => diagnosePod(pod, { podsEnding }))
        .find((found) => found !== undefined) ??
      (deployment && diagnoseDeployment(deployment))
    if (diagnosis !== undefined)
      throw await rolloutError(kubectl, namespace, `deployment/${name}`, diagnosis, {
        failures,
        serving: deployment && availableText(deployment),
      })
  }
}

/** @param lines what is waited for, and how many pods serve meanwhile @param still seconds without progress */
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
