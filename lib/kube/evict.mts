import type { Writes } from '../base/writes.mts'
import type { Kubectl } from './kubectl.mts'
import { nameOf, type LiveObject } from './types.mts'

/**
 * Evicts one pod. Unlike a deletion, the API server refuses an eviction that a PodDisruptionBudget does not allow.
 * @param pod as it was read: another pod that has its name by now is not evicted
 * @throws KitError exit 9 when a budget refuses it or it is gone; see also Kubectl.run and Writes.make
 */
export async function evictPod(kubectl: Kubectl, writes: Writes, pod: LiveObject): Promise<void> {
  const { name, namespace = '', uid } = pod.metadata
  const eviction = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace },
    deleteOptions: { preconditions: { uid } },
  }
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`
  await writes.make([{ sign: '-', what: nameOf(pod) }], async () => {
    await kubectl.api.post(path, eviction, ['create', '--raw', path, '-f', '-'], { once: true })
  })
}
