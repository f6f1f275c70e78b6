import type { Container, Deployment, EnvVar, PodSpec, Volume } from '../types.mts'
import { checksumOf } from './objects.mts'

// Containers, pods and Deployments with the kit's defaults. Pure: each function returns plain data.

/** Plain environment variables; undefined ones are left out. */
export const env = (values: Readonly<Record<string, string | number | boolean | undefined>>): EnvVar[] =>
  Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: String(value) }],
  )

/** Environment variables read from one Secret. @param keys variable name to the Secret's key */
export const envFromSecret = (secret: string, keys: Readonly<Record<string, string>>): EnvVar[] =>
  Object.entries(keys).map(([name, key]) => ({ name, valueFrom: { secretKeyRef: { name: secret, key } } }))

/** ephemeral-storage request: a container's log and a few files. */
const leastDisk = '64Mi'

/**
 * Requests and limits in one line: `resources('200m', '512Mi', '1', '1Gi', '4Gi')`.
 * All are Kubernetes quantities; `cpu` and `memory` are requests.
 * @param diskLimit ephemeral-storage: log, own files and emptyDirs together. The kubelet evicts a pod beyond it, before
 * its node's disk is full
 */
export const resources = (
  cpu: string,
  memory: string,
  cpuLimit: string,
  memoryLimit: string,
  diskLimit = '1Gi',
) => ({
  requests: { cpu, memory, 'ephemeral-storage': leastDisk },
  limits: { cpu: cpuLimit, memory: memoryLimit, 'ephemeral-storage': diskLimit },
})

/** An HTTP probe with a timeout of 5 s. @param period seconds between two requests @param failures failureThreshold */
export const probe = (path: string, port: number, period: number, failures: number) => ({
  httpGet: { path, port },
  periodSeconds: period,
  timeoutSeconds: 5,
  failureThreshold: failures,
})

/** A container with the kit's defaults: no capabilities, read-only root filesystem; `rest` may override them. */
export const container = (rest: Container): Container => ({
  imagePullPolicy: 'IfNotPresent',
  securityContext: {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
  },
  ...rest,
})

/** What a pod is built from. */
export interface PodOptions {
  readonly labels: Record<string, string>
  /** uid and gid of the image's own user. */
  readonly user: number
  /** terminationGracePeriodSeconds. */
  readonly graceSeconds: number
  /** emptyDir volumes: name to sizeLimit, a Kubernetes quantity. */
  readonly scratch: Readonly<Record<string, string>>
  /** Further volumes: CAs, files. */
  readonly volumes?: readonly Volume[]
  readonly containers: readonly Container[]
  /** Native sidecars: they start before the containers and end after them, so they still serve them during shutdown. */
  readonly sidecars?: readonly Container[]
  readonly pullSecret?: string | undefined
}

/** A pod with the kit's security defaults (DESIGN section 7). */
export const podDefaults = ({
  labels,
  user,
  graceSeconds,
  scratch,
  volumes = [],
  containers,
  sidecars = [],
  pullSecret,
}: PodOptions): PodSpec => ({
  // A Service called n8n would inject N8N_PORT=tcp://... and break the application of that name.
  enableServiceLinks: false,
  automountServiceAccountToken: false,
  terminationGracePeriodSeconds: graceSeconds,
  securityContext: {
    runAsNonRoot: true,
    runAsUser: user,
    runAsGroup: user,
    fsGroup: user,
    seccompProfile: { type: 'RuntimeDefault' },
  },
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: labels },
    },
  ],
  ...(pullSecret === undefined ? {} : { imagePullSecrets: [{ name: pullSecret }] }),
  // Native sidecars (Kubernetes 1.29): init containers that keep running, and get SIGTERM after the others have ended.
  ...(sidecars.length === 0
    ? {}
    : { initContainers: sidecars.map((one) => ({ ...one, restartPolicy: 'Always' as const })) }),
  containers: [...containers],
  volumes: [
    ...Object.entries(scratch).map(([name, sizeLimit]) => ({ name, emptyDir: { sizeLimit } })),
    ...volumes,
  ],
})

/** What a Deployment is built from. */
export interface DeploymentOptions {
  readonly namespace: string
  readonly name: string
  readonly labels: Record<string, string>
  readonly pod: PodSpec
  /** Values pods read when they start: a change must restart them. Only a hash is written, as an annotation. */
  readonly restartOn: unknown
  /** Left out for autoscaled Deployments: the HPA sets their number. */
  readonly replicas?: number
  readonly strategy?: 'Recreate' | 'RollingUpdate'
}

/** A Deployment whose pod template has a checksum of `restartOn` and of the pod as an annotation. */
export const deployment = (options: DeploymentOptions): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { namespace: options.namespace, name: options.name, labels: options.labels },
  spec: {
    ...(options.replicas === undefined ? {} : { replicas: options.replicas }),
    revisionHistoryLimit: 3,
    strategy:
      options.strategy === 'Recreate'
        ? { type: 'Recreate' }
        : { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    selector: { matchLabels: options.labels },
    template: {
      metadata: {
        labels: options.labels,
        annotations: checksumOf([options.restartOn, options.pod]),
      },
      spec: options.pod,
    },
  },
})
