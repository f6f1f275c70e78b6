import { createHash } from 'node:crypto'
import type {
  Deployment,
  HorizontalPodAutoscaler,
  Ingress,
  Manifest,
  PodDisruptionBudget,
  Secret,
  Service,
} from './k8s.mts'
import type { Sensitive } from './sensitive.mts'

// Pieces of manifests that every module repeats. Each returns plain data; nothing here acts.

/** The labels by which objects of one part of an application are selected. Never changed: selectors are for ever. */
export const selector = (name: string, component: string) => ({
  'app.kubernetes.io/name': name,
  'app.kubernetes.io/component': component,
})

export const sha256 = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex')

/** A Namespace, the same object whoever makes it: it belongs to no step and is never pruned. */
export const namespace = (name: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'app.kubernetes.io/managed-by': 'keybuzz' } },
})

/**
 * The only way a Kubernetes Secret is made: its keys are the settings' keys, which is how a lost settings file
 * is filled again from the cluster.
 */
export const secretEnv = (
  namespace: string,
  name: string,
  values: Readonly<Record<string, Sensitive | undefined>>,
): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { namespace, name },
  type: 'Opaque',
  data: Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, Buffer.from(value.reveal()).toString('base64')]],
    ),
  ),
})

/** A ClusterIP Service on one port of the pods with these labels. */
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

/** An autoscaler by CPU, and the disruption budget that goes with it: one pod at a time. */
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

export interface IngressOptions {
  readonly namespace: string
  readonly name: string
  readonly host: string
  readonly ingressClass: string
  /** Path prefix, Service and port, longest prefix first. */
  readonly paths: readonly (readonly [path: string, service: string, port: number])[]
  /** nginx.ingress.kubernetes.io/ annotations without that prefix. */
  readonly annotations: Readonly<Record<string, string>>
  /** cert-manager ClusterIssuer; undefined when TLS ends before the cluster. */
  readonly issuer: string | undefined
}

/** One Ingress for one public name, read alike by ingress-nginx and by Traefik's ingress-nginx provider. */
export const httpIngress = ({
  namespace,
  name,
  host,
  ingressClass,
  paths,
  annotations,
  issuer,
}: IngressOptions): Ingress => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: {
    namespace,
    name,
    annotations: {
      ...Object.fromEntries(
        Object.entries(annotations).map(([key, value]) => [`nginx.ingress.kubernetes.io/${key}`, value]),
      ),
      ...(issuer === undefined ? {} : { 'cert-manager.io/cluster-issuer': issuer }),
    },
  },
  spec: {
    ingressClassName: ingressClass,
    ...(issuer === undefined ? {} : { tls: [{ hosts: [host], secretName: `${name}-tls` }] }),
    rules: [
      {
        host,
        http: {
          paths: paths.map(([path, service, port]) => ({
            path,
            pathType: 'Prefix',
            backend: { service: { name: service, port: { number: port } } },
          })),
        },
      },
    ],
  },
})
