import { answerTo, type Answer, type CheckTools, type Outcome } from './checks.mts'
import { withPod } from './drill-pod.mts'
import { rollOver, scaleDown, undoDrills } from './drill-undo.mts'
import { startWriting, type Writing } from './drill-writing.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { evictPod } from '../kube/evict.mts'
import { waitUntilGone } from '../kube/objects.mts'
import { nameOf, type LiveObject, type Manifest } from '../kube/types.mts'
import { resourceOf, workloadOf } from '../kube/workloads.mts'
import type { KubeSession } from '../kube/apply/kube.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import { log } from '../base/log.mts'
import type { Settings } from '../settings/settings.mts'
import type { Writes } from '../base/writes.mts'

/** A test that breaks something on purpose. It runs by --drill only, and only when everything is healthy. */
export interface Drill<S extends Settings = Settings> {
  /** Stable name in reports and tests: `n8n.credential`. */
  readonly id: string
  /** What must hold, as a statement: `A stored credential survives the loss of every pod`. */
  readonly title: string
  /** Requires what makes it safe, beyond the checks: else no drill of the module begins. @throws KitError exit 3 */
  readonly require?: (tools: DrillTools<S>) => Promise<void>
  /** Causes the fault and observes. An error it throws becomes a failed answer, see answerTo. */
  readonly run: (tools: DrillTools<S>) => Promise<Answer>
  /** What to do when it fails. */
  readonly fix: string
}

export interface DrillTools<S extends Settings = Settings> extends CheckTools<S> {
  readonly breaking: Breaking
}

/**
 * Faults that are undone without an operator. Each method throws KitError: exit 10 when the workload does not exist,
 * exit 3 or 5 to 9 from kubectl, exit 9 when its pods do not end or it does not become ready again, and what the gate
 * throws (Writes.make).
 */
export interface Breaking {
  /**
   * Deletes every pod of some workloads and waits until these are ready again: nothing to undo.
   * @param workloads names of Deployments, or `statefulset/qdrant`
   */
  losePods(namespace: string, workloads: readonly string[]): Promise<void>
  /** Replaces every pod of a Deployment one after another, as an upgrade does, and waits: nothing to undo. */
  rollOver(namespace: string, deployment: string): Promise<void>
  /**
   * Runs a program in a pod that ends by itself, within `seconds`: nothing to undo.
   * @throws KitError exit 5 to 9 from kubectl; what the gate throws (Writes.make)
   */
  runIn(pod: LiveObject, argv: readonly string[], seconds: number): Promise<void>
  /**
   * Creates a pod, and deletes it once it was observed: nothing to undo.
   * @param pod with activeDeadlineSeconds: one that a killed drill leaves ends by itself
   */
  withPod<T>(pod: Manifest, observe: () => Promise<T>): Promise<T>
  /** Scales a Deployment to 0 and waits until its pods have ended. `restore` undoes it, else the next run. */
  scaleDown(namespace: string, deployment: string): Promise<void>
  /** Restores the replicas of a Deployment and waits until it is ready. */
  restore(namespace: string, deployment: string): Promise<void>
  /** Evicts a pod, see evictPod: its owner creates another one, nothing to undo. */
  evict(pod: LiveObject): Promise<void>
  /** Begins writes to an object of its own, which test whether the API server accepts any. @throws as startWriting */
  startWriting(namespace: string, name: string): Promise<Writing>
  /** Keeps the requests of this run off a machine that is about to be away, see Kubectl.avoid. */
  avoid(hosts: readonly string[]): Promise<void>
}

/** What the faults need. `repairs` is the gate of writes that belong to no revision. */
export interface BreakingOptions {
  readonly kubectl: Kubectl
  readonly kube: KubeSession
  readonly repairs: Writes
}

/** The faults that drills of a module may cause. */
export function createBreaking({ kubectl, kube, repairs }: BreakingOptions): Breaking {
  const find = async (namespace: string, named: string) => {
    const { kind, name } = workloadOf(named)
    const live = await kube.reader.get(resourceOf(kind), name, namespace)
    if (live !== undefined) return live
    throw new KitError(`there is no ${kind.toLowerCase()}/${name} in ${namespace}`, {
      exitCode: exitCodes.validationFailed,
    })
  }
  /** Deletes the pods of a workload and waits until they are gone, including those already terminating. */
  async function endPods(live: LiveObject): Promise<void> {
    const { namespace = '' } = live.metadata
    const { selector: selected } = live['spec'] as { selector: { matchLabels?: Record<string, string> } }
    const { matchLabels = {} } = selected
    const selector = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`)
    // Not retried: after a lost response it would also delete the pods created meanwhile.
    await kubectl.api.removeAll('pods', namespace, selector.join(','), { once: true })
    const pods = await kube.reader.list('pods', { namespace, labels: matchLabels })
    const ending = pods.filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
    await waitUntilGone(kubectl, ending)
  }
  return {
    async losePods(namespace, workloads) {
      const lives = await Promise.all(workloads.map((name) => find(namespace, name)))
      await repairs.make(
        lives.map((live) => ({ sign: '-', what: `the pods of ${nameOf(live)}` })),
        async () => void (await Promise.all(lives.map(endPods))),
      )
      await kube.waitForRolloutUncached(namespace, workloads)
    },
    async rollOver(namespace, name) {
      const live = await find(namespace, name)
      await rollOver(kubectl, repairs, live)
      await kube.waitForRolloutUncached(namespace, [name])
    },
    async runIn(pod, argv, seconds) {
      await repairs.make([{ sign: '~', what: nameOf(pod), fields: [`${argv[0]} for ${seconds} s`] }], () =>
        kube.reader
          .runIn(pod, argv, { isRepeatable: false, timeoutSeconds: seconds + 30 })
          .then(() => undefined),
      )
    },
    withPod: (pod, observe) => withPod(pod, observe, { kubectl, reader: kube.reader, repairs }),
    async scaleDown(namespace, name) {
      const live = await find(namespace, name)
      await scaleDown(kubectl, repairs, live)
      await endPods(live)
    },
    async restore(namespace, name) {
      await undoDrills(kubectl, repairs, [await find(namespace, name)])
      await kube.waitForRolloutUncached(namespace, [name])
    },
    evict: (pod) => evictPod(kubectl, repairs, pod),
    startWriting: (namespace, name) => startWriting(kubectl, repairs, { namespace, name }),
    avoid: (hosts) => kubectl.avoid(hosts),
  }
}

/**
 * Runs every drill in order, when all of them may begin. One that throws has failed.
 * @param begin called with the id of each drill before it begins; when it throws, the drill has failed
 * @throws KitError exit 3 when one may not begin; exit 12, 130 or 143, see answerTo
 */
export async function runDrills<S extends Settings>(
  drills: readonly Drill<S>[],
  tools: DrillTools<S>,
  begin: (id: string) => Promise<void> = () => Promise.resolve(),
): Promise<Outcome[]> {
  for (const { require } of drills) await require?.(tools)
  const outcomes: Outcome[] = []
  for (const { id, title, fix, run } of drills) {
    const started = performance.now()
    log.waiting(`drill ${id}: ${title}`)
    const answer = await begin(id)
      .then(() => run(tools))
      .catch(answerTo)
    outcomes.push({ id, title, fix, ...answer, milliseconds: Math.round(performance.now() - started) })
    if (answer.result === 'passed') log.ok(`${title} (${id}): ${answer.evidence}`, started)
    if (answer.result === 'warning') log.warn(`${title} (${id}): ${answer.evidence}`)
  }
  return outcomes
}
