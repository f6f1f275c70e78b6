import { deleteObjects, sendObjects } from '../kube/objects.mts'
import { nameOf, type Manifest } from '../kube/types.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import type { KubeReader } from '../kube/reader.mts'
import type { Writes } from '../base/writes.mts'

/**
 * Creates a pod, observes it, and deletes it, also when that fails. One that a killed drill left is deleted first.
 * @param pod with activeDeadlineSeconds: one that is left ends by itself
 * @throws KitError exit 5 to 9 from kubectl; exit 9 when it does not end, see deleteObjects; what the gate throws
 *   (Writes.make), and what `observe` throws
 */
export async function withPod<T>(
  pod: Manifest,
  observe: () => Promise<T>,
  { kubectl, reader, repairs }: { kubectl: Kubectl; reader: KubeReader; repairs: Writes },
): Promise<T> {
  const what = nameOf(pod)
  async function remove(): Promise<void> {
    const live = await reader.get('pods', pod.metadata?.name ?? '', pod.metadata?.namespace)
    if (live === undefined) return
    await repairs.make([{ sign: '-', what }], async () => {
      await deleteObjects(kubectl, [live], { wait: true })
    })
  }
  await remove()
  await repairs.make([{ sign: '+', what }], async () => {
    await sendObjects(kubectl, [pod], { dryRun: false, manager: 'keybuzz-drill' })
  })
  try {
    return await observe()
  } finally {
    await remove()
  }
}
