import { diagnoseDeployment, diagnosePod, waitingReason, type Diagnosis } from './diagnose.mts'
import { exitCodes, KitError } from './errors.mts'
import { interruption } from './interrupt.mts'
import type { Deployment, LiveObject, Pod } from './k8s.mts'
import type { Kubectl } from './kubectl.mts'
import { log, record } from './log.mts'
import type { KnownFailure } from './module.mts'
import { watchKind, type Watched } from './watch.mts'

/** Seconds a rollout may take in all, and may stand still. Both are shown while waiting. */
const limits = { deadline: 1200, noProgress: 420 }

/** Seconds between two lines about a wait: when its reason changed, and when nothing did. */
const [settling, heartbeat] = [2, 15]

interface State {
  readonly deployments: Watched
  readonly pods: Watched
  readonly events: Watched
}

/**
 * Waits until each Deployment serves with its newest pods. Watches; a state nothing comes out of ends the wait
 * within seconds, with its cause (lib/diagnose.mts).
 * @throws KitError exit 9 when a rollout cannot succeed, or neither ends nor moves in time
 */
export async function waitForDeployments(
  kubectl: Kubectl,
  namespace: string,
  names: readonly string[],
  failures: readonly KnownFailure[],
): Promise<void> {
  const started = performance.now()
  const shownNames = names.map((name) => `deployment/${name}`).join(', ')
  let wake = () => {}
  const onChange = () => wake()
  interruption.signal.addEventListener('abort', onChange)
  const state: State = {
    deployments: watchKind(kubectl, 'deployments.apps', namespace, onChange),
    pods: watchKind(kubectl, 'pods', namespace, onChange),
    events: watchKind(kubectl, 'events', namespace, onChange),
  }
  try {
    let [signature, moved, said, spoken] = ['', started, '', 0]
    for (;;) {
      interruption.throwIfAsked()
      if (names.every((name) => isServing(state.deployments.objects.get(name)))) break
      await failIfFatal(kubectl, namespace, state, names, failures)
      const now = performance.now()
      const line = waitingLine(state, names)
      if (line !== signature) [signature, moved] = [line, now]
      failIfLate(shownNames, line, (now - started) / 1000, (now - moved) / 1000)
      const since = (now - Math.max(spoken, started)) / 1000
      if (since > (line === said ? heartbeat : settling)) {
        log.waiting(`${line}, ${Math.round((now - started) / 1000)} s`)
        ;[said, spoken] = [line, now]
      }
      await new Promise<void>((resolve) => {
        wake = resolve
        // A limit may pass while nothing happens at all.
        setTimeout(resolve, 2000)
      })
    }
    log.ok(`${shownNames} ready`, started)
  } finally {
    interruption.signal.removeEventListener('abort', onChange)
    await Promise.all([state.deployments.stop(), state.pods.stop(), state.events.stop()])
  }
}

/** True when a Deployment runs its newest template only, and all of it is available. */
export function isServing(live: LiveObject | undefined): boolean {
  if (live === undefined) return false
  const { spec, status } = live as unknown as Deployment
  const wanted = spec?.replicas ?? 1
  return (
    (status?.observedGeneration ?? 0) >= (live.metadata.generation ?? 0) &&
    (status?.updatedReplicas ?? 0) >= wanted &&
    (status?.availableReplicas ?? 0) >= wanted &&
    (status?.replicas ?? 0) === (status?.updatedReplicas ?? 0)
  )
}

/** Pods made from the Deployment's newest template: their checksum annotation is its own. */
function newestPods({ deployments, pods }: State, name: string): Pod[] {
  const deployment = deployments.objects.get(name) as unknown as Deployment | undefined
  const template = deployment?.spec?.template
  const labels = Object.entries(deployment?.spec?.selector.matchLabels ?? {})
  const checksum = template?.metadata?.annotations?.['keybuzz.io/checksum']
  return [...pods.objects.values()]
    .map((pod) => pod as unknown as Pod)
    .filter(
      ({ metadata }) =>
        metadata?.deletionTimestamp === undefined &&
        metadata?.annotations?.['keybuzz.io/checksum'] === checksum &&
        labels.every(([key, value]) => metadata?.labels?.[key] === value),
    )
}

async function failIfFatal(
  kubectl: Kubectl,
  namespace: string,
  state: State,
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
    if (diagnosis !== undefined) throw await rolloutError(kubectl, namespace, name, diagnosis, failures)
  }
}

/** The error for a rollout that cannot succeed, with the container's last lines and what they mean. */
async function rolloutError(
  kubectl: Kubectl,
  namespace: string,
  name: string,
  { what, where, words, next, log: logOf }: Diagnosis,
  failures: readonly KnownFailure[],
): Promise<KitError> {
  const lines = logOf === undefined ? [] : await lastLines(kubectl, namespace, logOf)
  const known = failures.find(({ line }) => lines.some((one) => line.test(one)))
  return new KitError(`deployment/${name} cannot start: ${what}`, {
    exitCode: exitCodes.rolloutFailed,
    details: [
      `${where}: ${words}`,
      ...lines.slice(-6).map((line) => `| ${line.slice(0, 200)}`),
      ...(known === undefined ? [] : [known.meaning]),
      'Nothing was deleted; pods that were serving before still serve.',
    ],
    hint: known?.next ?? next,
  })
}

async function lastLines(
  kubectl: Kubectl,
  namespace: string,
  { pod, container, previous }: NonNullable<Diagnosis['log']>,
): Promise<string[]> {
  const words = ['logs', pod, '--container', container, '--namespace', namespace, '--tail=40']
  // The container may be replaced between two calls; the log of whichever one is there says the same.
  const text = await kubectl.run(previous ? [...words, '--previous'] : words).catch(() => kubectl.run(words))
  record(`last lines of ${pod}/${container}:\n${text}`)
  return text.split('\n').filter((line) => line.trim() !== '')
}

function failIfLate(names: string, line: string, seconds: number, still: number): void {
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

/** `deployment/n8n-worker 1/2 ready: n8n-worker-6f9c pulling image`: the first that is not ready, and why. */
function waitingLine(state: State, names: readonly string[]): string {
  const name = names.find((one) => !isServing(state.deployments.objects.get(one))) ?? ''
  const { spec, status } = (state.deployments.objects.get(name) ?? {}) as unknown as Deployment
  const pod = newestPods(state, name).find(
    ({ status }) => !status?.containerStatuses?.every(({ ready }) => ready),
  )
  const reason =
    pod === undefined
      ? 'no pod of it is there yet, or older ones are ending'
      : `${pod.metadata?.name} ${waitingReason(pod, lastEvent(state, pod))}`
  return `deployment/${name} ${status?.availableReplicas ?? 0}/${spec?.replicas ?? 1} ready: ${reason.slice(0, 160)}`
}

function lastEvent({ events }: State, pod: Pod): string | undefined {
  const about = [...events.objects.values()]
    .map(
      (event) =>
        event as unknown as { involvedObject: { uid?: string }; lastTimestamp?: string; message?: string },
    )
    .filter(({ involvedObject }) => involvedObject.uid === pod.metadata?.uid)
    .toSorted((a, b) => (a.lastTimestamp ?? '').localeCompare(b.lastTimestamp ?? ''))
  return about.at(-1)?.message
}
