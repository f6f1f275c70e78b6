import type { LiveObject } from './types.mts'
import type { Kubectl } from './kubectl.mts'
import { systemService, type SystemService } from './system-service.mts'

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
  /** The cluster's DNS. */
  readonly dns: SystemService
  /** What gives autoscalers their numbers. */
  readonly metrics: SystemService
  /** The Deployment that makes the volumes of K3s' own StorageClass; undefined where there is none. */
  readonly provisioner: LiveObject | undefined
}

/** Reads nodes, IngressClasses, namespaces, DNS and metrics, each kind by one request. @throws KitError, see Api */
export async function lookAtCluster(kubectl: Kubectl): Promise<Look> {
  const kinds =
    'nodes,ingressclasses.networking.k8s.io,namespaces,endpointslices.discovery.k8s.io,deployments.apps'
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
    dns: systemService(found, 'kube-dns'),
    metrics: systemService(found, 'metrics-server'),
    provisioner: ofKind('Deployment').find(({ metadata }) => metadata.name === 'local-path-provisioner'),
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
  (node['status'] as NodeStatus | undefined)?.conditions?.some(
    ({ type, status }) => type === 'Ready' && status === 'True',
  ) ?? false

/** True for a node that takes no new pods because an operator said so: `kubectl cordon`. */
export const isCordoned = ({ spec }: LiveObject): boolean =>
  (spec as { unschedulable?: boolean } | undefined)?.unschedulable === true

/** A taint of a node. */
export interface Taint {
  readonly key: string
  readonly value?: string
  /** `NoSchedule`, `NoExecute` */
  readonly effect: string
}

/** The taints that keep away pods which do not tolerate them: not those the scheduler only tries to heed. */
export const hardTaintsOf = ({ spec }: LiveObject): Taint[] =>
  ((spec as { taints?: Taint[] } | undefined)?.taints ?? []).filter(
    ({ effect }) => effect !== 'PreferNoSchedule',
  )

/** True for a node that is open to pods without tolerations, also while it is not Ready. */
export const isOpenToAll = (node: LiveObject): boolean => !isCordoned(node) && hardTaintsOf(node).length === 0

/** True for a Ready node that takes new pods without tolerations. */
export const takesPods = (node: LiveObject): boolean => isReady(node) && isOpenToAll(node)

const pressures = ['DiskPressure', 'MemoryPressure', 'PIDPressure']

/** What a node is short of: `DiskPressure`. The kubelet then evicts pods, and the node takes no new ones. */
export const pressuresOf = ({ status }: LiveObject): string[] =>
  ((status as NodeStatus | undefined)?.conditions ?? [])
    .filter((one) => pressures.includes(one.type) && one.status === 'True')
    .map(({ type }) => type)
