import { diagnoseDeployment, diagnosePod } from './diagnosis.mts'
import { exitCodes, KitError } from '../../base/errors.mts'
import type { Kubectl } from '../kubectl.mts'
import { log } from '../../base/log.mts'
import { type KnownFailure, rolloutError } from './failure.mts'
import { hasRolledOut, newestPods, waitingLine, type Rollouts } from './progress.mts'
import { waitForEndpoints } from './service-endpoints.mts'
import { waitWatching } from './wait.mts'
import { watchKind } from '../watch.mts'

/** Seconds a rollout may take in all, and may stand still. */
export interface WaitLimits {
  readonly deadline: number
  readonly noProgress: number
}

const usual: WaitLimits = { deadline: 1200, noProgress: 420 }

/** Seconds in which the first list of a watch has long arrived. */
const absence = 10

/**
 * Waits until each Deployment serves with its newest pods, and its Services send there. Watches; a state nothing comes
 * out of ends the wait within seconds, with its cause (diagnosis.mts).
 * @throws KitError exit 9 when a rollout cannot succeed, or neither ends nor moves in time
 */
export async function waitForDeployments(
  kubectl: Kubectl,
  namespace: string,
  names: readonly string[],
  failures: readonly KnownFailure[],
  limits = usual,
): Promise<void> {
  const started = performance.now()
  const shownNames = names.map((name) => `deployment/${name}`).join(', ')
  await waitWatching((onChange) => {
    const state: Rollouts = {
      deployments: watchKind(kubectl, 'deployments.apps', namespace, onChange),
      pods: watchKind(kubectl, 'pods', namespace, onChange),
      events: watchKind(kubectl, 'events', namespace, onChange),
    }
    return {
      watched: [state.deployments, state.pods, state.events],
      isDone: () => names.every((name) => hasRolledOut(state, name)),
      async failIfHopeless(seconds) {
        failIfDeleted(state, names, seconds)
        await failIfFatal(kubectl, namespace, state, names, failures)
      },
      line: () => waitingLine(state, names),
      failIfLate: (line, seconds, still) => failIfLate(limits, shownNames, line, seconds, still),
    }
  })
  await waitForEndpoints(kubectl, namespace, names)
  log.ok(`${shownNames} ready`, started)
}

/** Somebody took away what is waited for: it will not come. */
function failIfDeleted(
  { deployments, pods, events }: Rollouts,
  names: readonly string[],
  seconds: number,
): void {
  // Gone before the watch began: it is missing although the API server has long listed other things.
  const listed = seconds > absence && pods.objects.size + events.objects.size > 0
  const gone = names.find(
    (name) => deployments.deleted.has(name) || (listed && !deployments.objects.has(name)),
  )
  if (gone === undefined) return
  throw new KitError(`deployment/${gone} was deleted while it was waited for`, {
    exitCode: exitCodes.worldMoved,
    details: ['Somebody else works on this cluster, or its namespace is being deleted.'],
    hint: 'find out who; then run the same command again',
  })
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
      throw await rolloutError(kubectl, namespace, `deployment/${name}`, diagnosis, failures)
  }
}

function failIfLate(limits: WaitLimits, names: string, line: string, seconds: number, still: number): void {
  if (seconds < limits.deadline && still < limits.noProgress) return
  const why =
    still >= limits.noProgress
      ? `nothing has moved for ${limits.noProgress} s`
      : `${limits.deadline} s have passed`
  throw new KitError(`${names} did not become ready: ${why}`, {
    exitCode: exitCodes.rolloutFailed,
    details: [line, 'Nothing was deleted; pods that were serving before still serve.'],
    hint: 'the last reason stands above; run the same command again to go on waiting',
  })
}
