import { hardTaintsOf } from '../../../lib/kube/cluster-view.mts'
import type { HorizontalPodAutoscaler, LiveObject, Manifest } from '../../../lib/kube/types.mts'
import { leaveAfterSeconds } from '../settings-timing.mts'

// On how many nodes CoreDNS and metrics-server should run. Pure.

/** Most pods of CoreDNS: more than ten use memory and add no safety. */
const mostDns = 10

/** The first Kubernetes whose Services can prefer a pod of the client's node; before it, more pods save no lookup. */
const nearSince = 34

const namespace = 'kube-system'

/** The two Deployments that K3s packages, and the labels of their pods. */
export const addons = {
  dns: { deployment: 'coredns', labels: { 'k8s-app': 'kube-dns' } },
  metrics: { deployment: 'metrics-server', labels: { 'k8s-app': 'metrics-server' } },
} as const

/** How many pods each addon should have. */
export interface Spread {
  readonly dns: number
  readonly metrics: number
  /** True when every node can prefer its own CoreDNS. */
  readonly near: boolean
}

/** How many pods each addon should have. @param nodes all Nodes of the cluster, also those that are not Ready */
export function spreadOf(nodes: readonly LiveObject[]): Spread {
  const usable = nodes.filter(takesAddons).length
  const near = nodes.every((node) => minorOf(node) >= nearSince)
  const upTo = (most: number) => Math.max(1, Math.min(usable, most))
  return { dns: upTo(near ? mostDns : 2), metrics: upTo(2), near }
}

const minorOf = ({ status }: LiveObject): number => {
  const { kubeletVersion = '' } = (status as { nodeInfo?: { kubeletVersion?: string } }).nodeInfo ?? {}
  return Number(/^v1\.(\d+)/.exec(kubeletVersion)?.[1] ?? 0)
}

/** Taints that K3s' own manifests tolerate. Those of node.kubernetes.io are temporary: the state of a node. */
const tolerated = /^(CriticalAddonsOnly|node-role\.kubernetes\.io\/control-plane|node\.kubernetes\.io\/.*)$/

/** True for a node on which the scheduler may place pods of CoreDNS and metrics-server. */
export const takesAddons = (node: LiveObject): boolean =>
  hardTaintsOf(node).every(({ key }) => tolerated.test(key))

/**
 * The objects that keep CoreDNS and metrics-server on more than one node. K3s' manifests have no `replicas`, and its
 * apply leaves the number that others set: an autoscaler with equal minimum and maximum restores it whenever it is
 * lost.
 * @param nodes all Nodes of the cluster
 */
export function addonObjects(nodes: readonly LiveObject[]): Manifest[] {
  const { dns, metrics } = spreadOf(nodes)
  return [
    scaler(addons.dns.deployment, dns),
    // Half of them: a pod on a lost node must not prevent the drain of other nodes.
    budget(addons.dns, '50%'),
    scaler(addons.metrics.deployment, metrics),
    budget(addons.metrics, 1),
  ]
}

const scaler = (deployment: string, pods: number): HorizontalPodAutoscaler => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { namespace, name: `keybuzz-${deployment}` },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: deployment },
    minReplicas: pods,
    maxReplicas: pods,
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
      },
    ],
  },
})

const budget = (
  { deployment, labels }: (typeof addons)['dns' | 'metrics'],
  maxUnavailable: number | string,
): Manifest =>
  ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { namespace, name: `keybuzz-${deployment}` },
    spec: {
      maxUnavailable,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: labels },
    },
  }) as Manifest

/** The field of K3s' own Service kube-dns that makes every node prefer its own CoreDNS. */
export const nearDns: Manifest = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace, name: 'kube-dns' },
  spec: { trafficDistribution: 'PreferSameNode' },
} as Manifest

/**
 * An annotation in the pod template of an addon. It replaces its pods, once: pods that were created before the API
 * servers had the default tolerations of leaveAfterSeconds keep longer ones.
 */
export const renewed = (deployment: string): Manifest =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name: deployment },
    spec: {
      template: {
        metadata: { annotations: { 'keybuzz.io/leaves-after-seconds': String(leaveAfterSeconds) } },
      },
    },
  }) as Manifest

/** True for a pod that stays longer than leaveAfterSeconds on a lost node. */
export const staysTooLong = ({ spec }: LiveObject): boolean =>
  (((spec ?? {}) as { tolerations?: { key?: string; tolerationSeconds?: number }[] }).tolerations ?? []).some(
    ({ key, tolerationSeconds = 0 }) =>
      /^node\.kubernetes\.io\/(not-ready|unreachable)$/.test(key ?? '') &&
      tolerationSeconds > leaveAfterSeconds,
  )
