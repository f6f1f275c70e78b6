import { createHash } from 'node:crypto'
import type {
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  Manifest,
  PodDisruptionBudget,
  Secret,
  Service,
} from '../types.mts'
import type { Sensitive } from '../../base/sensitive.mts'

// Manifests that every module needs. Pure: each function returns plain data.

/** The labels that select the objects of one component. Never change them: a Deployment's selector is immutable. */
export const selector = (name: string, component: string) => ({
  'app.kubernetes.io/name': name,
  'app.kubernetes.io/component': component,
})

/** The annotation that distinguishes pods by what they read when they start. */
export const checksumAnnotation = 'keybuzz.io/checksum'

/**
 * The checksum annotation of what pods read when they start; only the checksum is written, never the values. For a pod
 * template: there it is replaced by its HMAC before it is sent (kube/apply/keyed.mts), elsewhere it must not depend on
 * secrets.
 */
export const checksumOf = (read: unknown): Readonly<Record<string, string>> => ({
  [checksumAnnotation]: sha256(read).slice(0, 16),
})

/** Hexadecimal SHA-256 of a value's JSON. */
export const sha256 = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex')

/** The level enforced on pods of a namespace (Kubernetes, "Pod Security Standards"). */
export type PodSecurity = 'restricted' | 'baseline' | 'privileged'

/**
 * A Namespace. It is the same object in every step, belongs to none and is never pruned. The API server refuses pods
 * that exceed its Pod Security level.
 */
export const namespace = (name: string, podSecurity: PodSecurity = 'restricted'): Manifest => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name,
    labels: {
      'app.kubernetes.io/managed-by': 'keybuzz',
      'pod-security.kubernetes.io/enforce': podSecurity,
    },
  },
})

/**
 * A Secret whose keys are the settings' keys: a lost settings file is restored from it. Undefined values are left out.
 * Modules make Secrets only by this function and by pullSecrets.
 */
export const secretEnv = (
  namespace: string,
  name: string,
  values: Readonly<Record<string, Sensitive | undefined>>,
  type = 'Opaque',
): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { namespace, name },
  type,
  data: encoded(values),
})

/** Encodes each value only when it is read: an offline plan shows none of them, and one takes 80 ms to generate. */
function encoded(values: Readonly<Record<string, Sensitive | undefined>>): Record<string, string> {
  const data: Record<string, string> = {}
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) continue
    const get = () => Buffer.from(value.reveal()).toString('base64')
    Object.defineProperty(data, key, { get, enumerable: true })
  }
  return data
}

/** A ConfigMap of plain values, which pods read as environment variables. */
export const configMap = (
  namespace: string,
  name: string,
  values: Readonly<Record<string, string | number>>,
): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name },
  data: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)])),
})

/** A ClusterIP Service for the pods with these labels. @param port of the Service and of the container */
export const service = (
  namespace: string,
  name: string,
  labels: Record<string, string>,
  port: number,
): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace, name, labels },
  spec: { selector: labels, ports: [{ name: 'http', port, targetPort: port }] },
})

/**
 * A HorizontalPodAutoscaler by CPU, and a PodDisruptionBudget with maxUnavailable 1.
 * @param least minReplicas
 * @param most maxReplicas
 * @param cpuPercent target utilization, in percent of the CPU request
 */
export const autoscaled = (
  { metadata }: Deployment,
  { least = 2, most, cpuPercent }: { least?: number; most: number; cpuPercent: number },
): [HorizontalPodAutoscaler, PodDisruptionBudget] => {
  const { namespace = '', name = '', labels = {} } = metadata ?? {}
  const common = { namespace, name, labels }
  return [
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: common,
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
        minReplicas: least,
        maxReplicas: most,
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: cpuPercent } },
          },
        ],
        behavior: {
          scaleUp: {
            stabilizationWindowSeconds: 0,
            policies: [{ type: 'Pods', value: 2, periodSeconds: 60 }],
          },
          scaleDown: {
            stabilizationWindowSeconds: 300,
            policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }],
          },
        },
      },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: common,
      spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
    },
  ]
}
