// One leader for life, as vault-k8s elects it: the pod that owns the ConfigMap, which goes with its pod. A leader never looks
// again whether it still is one.
import { setTimeout as pause } from 'node:timers/promises'

const lockName = 'vault-k8s-leader'
/** Milliseconds between two looks at another's lock: the first, and the most. */
const wait = { first: 1000, most: 16_000 }

/**
 * Returns once this pod is the leader.
 * @param kube what connect gave @param pod the name of this pod @param log takes one line
 */
export async function becomeLeader(kube, pod, log) {
  const base = `/api/v1/namespaces/${kube.namespace}`
  const lock = `${base}/configmaps/${lockName}`
  const { uid } = (await kube.get(`${base}/pods/${pod}`)).metadata
  const ownerOf = (object) => object?.metadata.ownerReferences?.find(({ kind }) => kind === 'Pod')?.name
  // A container that was started anew finds the lock of its own pod.
  if (ownerOf(await kube.find(lock)) === pod) return log('the lock is of this pod: it is the leader')
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: lockName,
      namespace: kube.namespace,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: pod, uid }],
    },
  }
  for (let milliseconds = wait.first; ; milliseconds = Math.min(2 * milliseconds, wait.most)) {
    if ((await kube.create(`${base}/configmaps`, object)) !== undefined) return log('became the leader')
    const leader = ownerOf(await kube.find(lock))
    if (leader !== undefined) await removeLost(kube, { leader, path: `${base}/pods/${leader}`, lock }, log)
    await pause(milliseconds * (1 + Math.random() / 5))
  }
}

/** Deletes the pod of a leader that was evicted or whose node is not ready; in that case its lock too. */
async function removeLost(kube, { leader, path, lock }, log) {
  const pod = await kube.find(path)
  // The garbage collector takes the lock of a pod that is gone.
  if (pod === undefined) return
  const { phase, reason } = pod.status ?? {}
  if (phase === 'Failed' && reason === 'Evicted') {
    log(`the leader ${leader} was evicted: its pod is deleted`)
    await kube.remove(path)
  } else if (await isOnLostNode(kube, pod)) {
    log(`the node of the leader ${leader} is not ready: its pod and its lock are deleted`)
    await kube.remove(path)
    await kube.remove(lock)
  }
}

async function isOnLostNode(kube, { spec }) {
  const node = spec?.nodeName === undefined ? undefined : await kube.find(`/api/v1/nodes/${spec.nodeName}`)
  return node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status !== 'True') === true
}
