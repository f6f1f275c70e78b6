import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import type { Condition } from '../../../lib/base/poll.mts'
import type { Kube } from '../../../lib/kube/apply/kube.mts'
import { isReady } from '../../../lib/kube/cluster-view.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import { nameOf, type LiveObject } from '../../../lib/kube/types.mts'
import { isScaledToZero, scaleUp } from '../../../lib/kube/workloads.mts'
import { crowdedPods, placementOf } from './placement.mts'
import { addonObjects, addons, nearDns, renewed, spreadOf, staysTooLong } from './spread.mts'

/** The pods of one addon. @throws KitError exit 3, 5 to 9, 12, 130 or 143, see KubeReader */
export const podsOf = (kube: KubeReader, addon: keyof typeof addons): Promise<LiveObject[]> =>
  kube.list('pods', { namespace: 'kube-system', labels: addons[addon].labels })

/**
 * Distributes the pods of CoreDNS and metrics-server over the existing nodes, evicts pods that share a node, and makes
 * every node prefer its own CoreDNS.
 * @throws KitError exit 5 when another manager owns a field that is set, or an object has been edited; exit 9 when a
 *   rollout fails, K3s has not created its addons, or a PodDisruptionBudget forbids an eviction; exit 3, 5 to 9, 12,
 *   130 or 143, see KubeReader; what the gate throws (Writes.make)
 */
export async function spreadAddons(kube: Kube): Promise<void> {
  const nodes = await kube.list('nodes', {})
  await kube.apply(addonObjects(nodes))
  // While a node is lost one pod of CoreDNS stays Pending for it: a wait for the rollout would not end before.
  if (nodes.every(isReady)) await kube.waitForRollout('kube-system', 'coredns', 'metrics-server')
  if (spreadOf(nodes).near) await kube.setFields([nearDns])
  for (const addon of ['dns', 'metrics'] as const) {
    const pods = await podsOf(kube, addon)
    if (pods.some(staysTooLong)) await kube.setFields([renewed(addons[addon].deployment)])
    else await bringApart(kube, addon, crowdedPods(nodes, pods))
  }
}

/** Evicts pods one after another, so that the others serve meanwhile. @throws as spreadAddons */
async function bringApart(
  kube: Kube,
  addon: keyof typeof addons,
  pods: readonly LiveObject[],
): Promise<void> {
  for (const pod of pods) {
    await kube.evict(pod)
    await kube.waitForRollout('kube-system', addons[addon].deployment)
  }
}

/**
 * Requires that an addon wants pods: an autoscaler leaves a Deployment at 0 as it is.
 * @throws KitError exit 9 when it is scaled to 0; else as KubeReader
 */
async function requireScaledUp(kube: KubeReader, addon: keyof typeof addons): Promise<void> {
  const live = await kube.get('deployments.apps', addons[addon].deployment, 'kube-system')
  if (live === undefined || !isScaledToZero(live)) return
  throw new KitError(`${nameOf(live)} is scaled to 0`, {
    exitCode: exitCodes.rolloutFailed,
    details: ['No autoscaler brings it back from there, and K3s leaves the number that others set.'],
    hint: `${scaleUp(live)}; then run the same command again`,
  })
}

/**
 * The condition that each addon serves on as many nodes as wanted. An autoscaler acts within half a minute. Its
 * `missing` throws KitError exit 9 for an addon scaled to 0, and as KubeReader.
 */
export const addonsAreSpread = (kube: KubeReader): Condition => ({
  what: 'DNS and metrics on their nodes',
  seconds: 240,
  hint: 'kubectl -n kube-system get pods -o wide; kubectl -n kube-system describe hpa keybuzz-coredns keybuzz-metrics-server; then run the same command again',
  async missing() {
    const nodes = await kube.list('nodes', {})
    const spread = spreadOf(nodes)
    const missing = await Promise.all(
      (['dns', 'metrics'] as const).map(async (addon) => {
        const { missing } = placementOf(nodes, await podsOf(kube, addon), spread[addon])
        if (missing === '') return []
        await requireScaledUp(kube, addon)
        return [`${addons[addon].deployment}: ${missing}`]
      }),
    )
    return missing.flat().join('; ')
  },
})
