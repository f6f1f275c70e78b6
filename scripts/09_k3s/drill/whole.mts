import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { few } from '../../../lib/base/few.mts'
import { log } from '../../../lib/base/log.mts'
import type { Condition, Until } from '../../../lib/base/poll.mts'
import type { DrillTools } from '../../../lib/checks/drills.mts'
import { crowdOf } from '../../../lib/kube/apply/crowd.mts'
import { isReady } from '../../../lib/kube/cluster-view.mts'
import { availableText, isServing } from '../../../lib/kube/rollout/progress.mts'
import { nameOf, type LiveObject, type PodDisruptionBudget } from '../../../lib/kube/types.mts'
import { addonsAreSpread, podsOf } from '../addons/apply.mts'
import { crowdedPods } from '../addons/placement.mts'
import { addons } from '../addons/spread.mts'
import { everyNodeServes } from '../ingress/daemonset-ready.mts'
import { everyIngress } from '../ingress/manifests.mts'
import { everyProbe } from '../probes/probe.mts'
import type { K3sSettings } from '../settings.mts'
import { isPending, nodeOf } from '../../../lib/kube/pods.mts'
import { podsIn, workloadsOf } from './applications.mts'

// Between two machines: everything is there again, and no application has all its pods on one node.

type Tools = DrillTools<K3sSettings>

/** Seconds until everything is there again: pods of the machine start anew, one application after another. */
const wholeSeconds = 300

/** Most things an answer names. */
const mostNamed = 4

/** Nodes that are not Ready, budgets with nothing to spare, applications without all their pods. @throws as KubeReader */
async function missingNow(tools: Tools): Promise<string[]> {
  const { kube } = tools
  const [nodes, budgets, workloads, onNodes] = await Promise.all([
    kube.list('nodes', {}),
    tightBudgets(tools),
    workloadsOf(tools),
    missingOnNodes(tools),
  ])
  const names = ['dns', 'metrics'] as const
  const [addonPods, deployments] = await Promise.all([
    Promise.all(names.map((addon) => podsOf(kube, addon))),
    Promise.all(names.map((addon) => kube.get('deployments.apps', addons[addon].deployment, 'kube-system'))),
  ])
  const serving = [...deployments.flatMap((live) => live ?? []), ...workloads]
  return [
    ...nodes.filter((node) => !isReady(node)).map((node) => `${nameOf(node)} is not Ready`),
    ...onNodes,
    ...addonPods
      .flat()
      .filter(isPending)
      .map((pod) => `${nameOf(pod)} is Pending`),
    ...serving.filter((live) => !isServing(live)).map(availableText),
    ...budgets.several.map((one) => `${one} has nothing to spare`),
  ]
}

/** What has no pod on some node yet: the ingress of the kit, and the probes that see what a machine takes away. */
async function missingOnNodes({ kube, settings }: Pick<Tools, 'kube' | 'settings'>): Promise<string[]> {
  const wanted = settings.INGRESS_CONTROLLER === 'existing' ? [everyProbe] : [everyIngress, everyProbe]
  const missing = await Promise.all(
    wanted.map(async (one) => ({ ...one, left: await everyNodeServes(kube, one).missing() })),
  )
  return missing.filter(({ left }) => left !== '').map(({ what, left }) => `${what}: ${left}`)
}

/** Budgets that allow no pod to be away, by nameOf. */
export interface TightBudgets {
  /** Those of two pods or more. */
  readonly several: readonly string[]
  /** Those of one pod: most of them never allow it, and the drill measures how long it is away. */
  readonly single: readonly string[]
}

/** The budgets that allow no pod to be away. @throws KitError, see KubeReader.list */
export async function tightBudgets({ kube }: Pick<Tools, 'kube'>): Promise<TightBudgets> {
  const tight = (await kube.list('poddisruptionbudgets.policy', {})).filter(
    (budget) => (statusOf(budget).disruptionsAllowed ?? 0) === 0,
  )
  const named = (isRight: (expected: number) => boolean) =>
    tight.filter((budget) => isRight(statusOf(budget).expectedPods ?? 0)).map(nameOf)
  return { several: named((expected) => expected > 1), single: named((expected) => expected === 1) }
}

const statusOf = (budget: LiveObject): Partial<NonNullable<PodDisruptionBudget['status']>> =>
  (budget as unknown as PodDisruptionBudget).status ?? {}

const isWhole = (tools: Tools): Condition => ({
  what: 'the cluster',
  seconds: wholeSeconds,
  missing: async () => few(await missingNow(tools), mostNamed),
  hint: 'see why: kubectl get nodes,pods -A -o wide; then run the drill again',
})

/**
 * Waits until everything is there again, then brings pods apart that share a node: the scheduler does not move them. One
 * after another, so that the others serve meanwhile.
 * @throws KitError exit 9, see Until; as KubeReader; what the gate throws (Writes.make)
 */
export async function becomeWhole(tools: Tools, until: Until): Promise<void> {
  await until(isWhole(tools))
  const crowded = await sharing(tools)
  for (const pod of crowded) {
    await evict(tools, pod)
    await until(isWhole(tools))
  }
  await until(addonsAreSpread(tools.kube))
}

/** The pods that must go to another node: of CoreDNS and metrics-server, and of the kit's applications. */
async function sharing(tools: Tools): Promise<LiveObject[]> {
  const { kube } = tools
  const [nodes, dns, metrics, workloads, pods] = await Promise.all([
    kube.list('nodes', {}),
    podsOf(kube, 'dns'),
    podsOf(kube, 'metrics'),
    workloadsOf(tools),
    kube.list('pods', {}),
  ])
  const theirs = [dns, metrics].flatMap((own) => crowdedPods(nodes, own))
  const ours = workloads.flatMap((one) => crowdOf(podsIn(one, pods), nodes, pods)?.pod ?? [])
  return [...theirs, ...ours]
}

/** A refusal is a warning: the application then has all its pods on one machine, and its seconds show it. */
async function evict({ breaking }: Tools, pod: LiveObject): Promise<void> {
  try {
    await breaking.evict(pod)
    log.ok(`${nameOf(pod)} was evicted from ${nodeOf(pod)}: all of its kind were there`)
  } catch (thrown) {
    if (!(thrown instanceof KitError) || thrown.exitCode !== exitCodes.rolloutFailed) throw thrown
    log.warn(`${nameOf(pod)} stays on ${nodeOf(pod)}, as all of its kind: ${thrown.message}`)
  }
}
