import { itemsOf } from './objects.mts'
import type { LiveObject } from './types.mts'
import type { Kubectl } from './kubectl.mts'

/** A cluster as one look shows it. */
export interface Look {
  /** uid of the namespace kube-system. */
  readonly uid: string
  /** `3 masters, 5 workers, v1.36.5+k3s1` */
  readonly summary: string
  readonly nodes: readonly LiveObject[]
  readonly ingressClasses: readonly string[]
  readonly namespaces: readonly LiveObject[]
  /** Ready addresses behind the cluster's DNS service. */
  readonly dnsReady: boolean
}

/** Looks at the cluster: one question. */
export async function lookAtCluster(kubectl: Kubectl): Promise<Look> {
  const kinds = 'nodes,ingressclasses.networking.k8s.io,namespaces,endpointslices.discovery.k8s.io'
  const words = ['get', kinds, '--namespace', 'kube-system', '--show-managed-fields']
  const found = itemsOf(await kubectl.json(words))
  const ofKind = (kind: string) => found.filter((one) => one.kind === kind)
  const nodes = ofKind('Node')
  const servers = nodes.filter(isServer).length
  const versions = new Set(nodes.map(({ status }) => (status as NodeStatus).nodeInfo?.kubeletVersion ?? ''))
  return {
    uid: ofKind('Namespace').find(({ metadata }) => metadata.name === 'kube-system')?.metadata.uid ?? '',
    summary: `${count(servers, 'master')}, ${count(nodes.length - servers, 'worker')}, ${[...versions].join(' and ')}`,
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

export const isServer = ({ metadata }: LiveObject): boolean =>
  metadata.labels?.['node-role.kubernetes.io/control-plane'] !== undefined

export const isReady = (node: LiveObject): boolean =>
  (node['status'] as NodeStatus).conditions?.some(
    ({ type, status }) => type === 'Ready' && status === 'True',
  ) ?? false

const hasReadyEndpoint = (slice: LiveObject): boolean =>
  ((slice['endpoints'] ?? []) as { conditions?: { ready?: boolean } }[]).some(
    ({ conditions }) => conditions?.ready !== false,
  )
