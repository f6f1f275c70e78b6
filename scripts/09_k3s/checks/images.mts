import { failed, passed, type Check } from '../../../lib/checks/checks.mts'
import { few } from '../../../lib/base/few.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { ingressNamespace } from '../ingress/manifests.mts'
import { monitoringNamespace } from '../monitoring/names.mts'
import { probeNamespace } from '../probes/probe.mts'
import type { K3sSettings } from '../settings.mts'

// Images of the cluster's own pods that are missing on a node.

interface ContainerStatus {
  readonly image?: string
  readonly state?: { readonly waiting?: { readonly reason?: string } }
}

/** Reasons of the kubelet for a container whose image it does not have. */
const noImage = new Set(['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull'])

/** Why the first waiting container of a pod waits, and its image; undefined when none waits. Pure. */
export function waitingOf({
  status,
}: LiveObject): { reason: string; image: string; noImage: boolean } | undefined {
  const { containerStatuses = [], initContainerStatuses = [] } = status as {
    containerStatuses?: ContainerStatus[]
    initContainerStatuses?: ContainerStatus[]
  }
  for (const { image = 'an image', state } of [...initContainerStatuses, ...containerStatuses]) {
    const reason = state?.waiting?.reason
    if (reason !== undefined) return { reason, image, noImage: noImage.has(reason) }
  }
  return undefined
}

export const images: Check<K3sSettings> = {
  id: 'k3s.images',
  title: 'Every node has the images of the cluster’s own pods',
  fix: 'run module 9 again: it imports the images of its tarballs that a node has lost, without restarting K3s; one no tarball holds comes from a registry: kubectl -n NAMESPACE describe pod NAME',
  places: () => ({ NAMESPACE: 'kube-system', NAME: '' }),
  async ask({ kube, settings }) {
    // Without the kit's monitoring a namespace of that name is somebody else's.
    const more = settings.MONITORING ? [monitoringNamespace] : []
    const namespaces = ['kube-system', ingressNamespace, probeNamespace, ...more]
    const pods = (await Promise.all(namespaces.map((namespace) => kube.list('pods', { namespace })))).flat()
    const missing = pods.flatMap((pod) => {
      const waiting = waitingOf(pod)
      return waiting?.noImage === true ? [{ ...waiting, pod }] : []
    })
    const [first] = missing
    if (first === undefined) return passed(`${pods.length} pods`)
    const seen = missing.map(
      ({ image, pod }) => `${image} on ${(pod.spec as { nodeName?: string } | undefined)?.nodeName}`,
    )
    const { namespace = '', name } = first.pod.metadata
    return failed(few([...new Set(seen)], 5), { NAMESPACE: namespace, NAME: name })
  },
}
