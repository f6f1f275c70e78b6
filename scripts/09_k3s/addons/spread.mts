import type { HorizontalPodAutoscaler, LiveObject, Manifest } from '../../../lib/kube/types.mts'
import { leaveAfterSeconds } from '../settings-timing.mts'

// On how many nodes DNS and metrics are to run. Pure.

/** Most pods of CoreDNS: beyond ten nodes an eleventh adds memory and no safety. */
const mostDns = 10

/** The Kubernetes whose Services prefer a pod of the asking node: before it, one pod more saves no lookup. */
const nearSince = 34

const namespace = 'kube-system'

/** The two Deployments K3s brings, and the label their pods carry. */
export const addons = {
  dns: { deployment: 'coredns', labels: { 'k8s-app': 'kube-dns' } },
  metrics: { deployment: 'metrics-server', labels: { 'k8s-app': 'metrics-server' } },
} as const

/** How many pods of each there are to be. */
export interface Spread {
  readonly dns: number
  readonly metrics: number
  /** Whether a node can be told to ask the CoreDNS it runs itself. */
  readonly near: boolean
}

/** @param nodes all Nodes of the cluster, also those that are not Ready: they come back */
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

/** Taints that K3s' own manifests tolerate. Those of node.kubernetes.io come and go with the state of a node. */
const tolerated = /^(CriticalAddonsOnly|node-role\.kubernetes\.io\/control-plane|node\.kubernetes\.io\/.*)$/

/** True for a node on which the scheduler may place pods of CoreDNS and metrics-server. */
export function takesAddons({ spec }: LiveObject): boolean {
  const { taints = [] } = (spec ?? {}) as { taints?: { key: string; effect: string }[] }
  return taints.every(({ key, effect }) => effect === 'PreferNoSchedule' || tolerated.test(key))
}

/**
 * The objects that keep DNS and metrics on more than one node. K3s' manifests name no replicas, and its apply leaves a
 * number that others set: an autoscaler whose least is its most sets it again whenever it is lost.
 * @param nodes as for spreadOf
 */
export function addonObjects(nodes: readonly LiveObject[]): Manifest[] {
  const { dns, metrics } = spreadOf(nodes)
  return [
    scaler(addons.dns.deployment, dns),
    // Half of them: one that is lost must not keep others from being drained.
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

/** The field of K3s' own Service by which every node asks the CoreDNS it runs itself. */
export const nearDns: Manifest = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace, name: 'kube-dns' },
  spec: { trafficDistribution: 'PreferSameNode' },
} as Manifest

/** The addon whose pods are from before that was told: a change of its template makes them anew, once. */
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

/** True for a pod that stays longer on a lost node than it is to. */
export const staysTooLong = ({ spec }: LiveObject): boolean =>
  (((spec ?? {}) as { tolerations?: { key?: string; tolerationSeconds?: number }[] }).tolerations ?? []).some(
    ({ key, tolerationSeconds = 0 }) =>
      /^node\.kubernetes\.io\/(not-ready|unreachable)$/.test(key ?? '') &&
      tolerationSeconds > leaveAfterSeconds,
  )
