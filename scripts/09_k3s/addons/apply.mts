import type { Condition } from '../../../lib/base/poll.mts'
import type { Kube } from '../../../lib/kube/apply/kube.mts'
import { isReady } from '../../../lib/kube/cluster-view.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { crowdedPods, placementOf } from './placement.mts'
import { addonObjects, addons, nearDns, renewed, spreadOf, staysTooLong } from './spread.mts'

/** The pods of one addon. @throws KitError, see Kubectl.run */
export const podsOf = (kube: KubeReader, addon: keyof typeof addons): Promise<LiveObject[]> =>
  kube.list('pods', { namespace: 'kube-system', labels: addons[addon].labels })

/**
 * Puts DNS and metrics on as many nodes as are there now, brings pods apart that came to stand on one node, and has
 * every node ask its own CoreDNS.
 * @throws KitError exit 5 when somebody else set the field of kube-dns; exit 9 when K3s has not made its addons, or a
 *   budget lets no pod be evicted
 */
export async function spreadAddons(kube: Kube): Promise<void> {
  const nodes = await kube.list('nodes', {})
  await kube.apply(addonObjects(nodes))
  // While a node is lost one pod of CoreDNS waits for it: a rollout would wait as long.
  if (nodes.every(isReady)) await kube.waitForRollout('kube-system', 'coredns', 'metrics-server')
  if (spreadOf(nodes).near) await kube.setFields([nearDns])
  for (const addon of ['dns', 'metrics'] as const) {
    const pods = await podsOf(kube, addon)
    if (pods.some(staysTooLong)) await kube.setFields([renewed(addons[addon].deployment)])
    else await bringApart(kube, addon, crowdedPods(nodes, pods))
  }
}

/** One after another: meanwhile the others serve. */
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

/** Each addon on as many nodes as it is to be. An autoscaler acts after half a minute at most. */
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
        return missing === '' ? [] : [`${addons[addon].deployment}: ${missing}`]
      }),
    )
    return missing.flat().join('; ')
  },
})
