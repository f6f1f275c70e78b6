import type { LiveObject } from './types.mts'
import type { Kubectl } from './kubectl.mts'

/** Facts about a cluster at one moment. */
export interface Look {
  /** uid of the namespace kube-system. */
  readonly uid: string
  /** Kubelet versions of the nodes, each once: `v1.36.5+k3s1`. */
  readonly kubernetes: readonly string[]
  /** `3 masters, 5 workers, v1.36.5+k3s1` */
  readonly summary: string
  readonly nodes: readonly LiveObject[]
  readonly ingressClasses: readonly string[]
  readonly namespaces: readonly LiveObject[]
  /** Whether the cluster's DNS service has a ready endpoint. */
  readonly dnsReady: boolean
}

/** Reads nodes, IngressClasses, namespaces and DNS endpoints. @throws KitError, see Api */
export async function lookAtCluster(kubectl: Kubectl): Promise<Look> {
  const kinds = 'nodes,ingressclasses.networking.k8s.io,namespaces,endpointslices.discovery.k8s.io'
  const found = await kubectl.api.list(kinds, { namespace: 'kube-system', managedFields: true })
  const ofKind = (kind: string) => found.filter((one) => one.kind === kind)
  const nodes = ofKind('Node')
  const servers = nodes.filter(isServer).length
  const kubernetes = [
    ...new Set(nodes.map(({ status }) => (status as NodeStatus).nodeInfo?.kubeletVersion ?? '')),
  ]
  return {
    uid: ofKind('Namespace').find(({ metadata }) => metadata.name === 'kube-system')?.metadata.uid ?? '',
    summary: `${count(servers, 'master')}, ${count(nodes.length - servers, 'worker')}, ${kubernetes.join(' and ')}`,
    kubernetes,
    nodes,
    ingressClasses: ofKind('IngressClass').map(({ metadata }) => metadata.name),
    namespaces: ofKind('Namespace'),
    dnsReady: ofKind('EndpointSlice').some(
      (slice) =>
        slice.metadata.labels?.['kubernetes.io/service-name'] === 'kube-dns' && hasReadyEndpoint(slice),
    ),
  }
}

const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`

interface NodeStatus {
  conditions?: { type: string; status: string }[]
  nodeInfo?: { kubeletVersion?: string }
}

/** True for a node of the control plane: a K3s server. */
export const isServer = ({ metadata }: LiveObject): boolean =>
  metadata.labels?.['node-role.kubernetes.io/control-plane'] !== undefined

/** True when a node's condition Ready is True. */
export const isReady = (node: LiveObject): boolean =>
  (node['status'] as NodeStatus).conditions?.some(
    ({ type, status }) => type === 'Ready' && status === 'True',
  ) ?? false

const hasReadyEndpoint = (slice: LiveObject): boolean =>
  ((slice['endpoints'] ?? []) as { conditions?: { ready?: boolean } }[]).some(
    ({ conditions }) => conditions?.ready !== false,
  )
