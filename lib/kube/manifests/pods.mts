import type { Container, Deployment, EnvVar, PodSpec, Volume } from '../types.mts'
import { checksumOf } from './objects.mts'

// Containers, pods and Deployments as every one of ours must be. Plain data; nothing here acts.

/** Plain environment variables; undefined ones are left out. */
export const env = (values: Readonly<Record<string, string | number | boolean | undefined>>): EnvVar[] =>
  Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: String(value) }],
  )

/** Environment variables read from one Secret: variable name to the Secret's key. */
export const envFromSecret = (secret: string, keys: Readonly<Record<string, string>>): EnvVar[] =>
  Object.entries(keys).map(([name, key]) => ({ name, valueFrom: { secretKeyRef: { name: secret, key } } }))

/** What a container's own log and a few files take of its node's disk. */
const leastDisk = '64Mi'

/**
 * Requests and limits in one line: `resources('200m', '512Mi', '1', '1Gi', '4Gi')`.
 * @param diskLimit of its log, its own files and its emptyDirs together: a pod beyond it is evicted, and not its node
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

/** An HTTP probe. @param period seconds between two tries @param failures how many in a row count */
export const probe = (path: string, port: number, period: number, failures: number) => ({
  httpGet: { path, port },
  periodSeconds: period,
  timeoutSeconds: 5,
  failureThreshold: failures,
})

/** A container as every one of ours must be: no rights, read-only root, and writable folders named one by one. */
export const container = (rest: Container): Container => ({
  imagePullPolicy: 'IfNotPresent',
  securityContext: {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
  },
  ...rest,
})

export interface PodOptions {
  readonly labels: Record<string, string>
  /** uid and gid of the image's own user. */
  readonly user: number
  /** Seconds a pod gets to end by itself. */
  readonly graceSeconds: number
  /** Writable folders: volume name to the most it may hold, each an emptyDir. */
  readonly scratch: Readonly<Record<string, string>>
  /** What its containers mount beside them: CAs, files. */
  readonly volumes?: readonly Volume[]
  readonly containers: readonly Container[]
  /** Helpers that run beside them and end after them: what a container does until its end, it can do to its end. */
  readonly sidecars?: readonly Container[]
  readonly pullSecret?: string | undefined
}

/** A pod as every one of ours must be (DESIGN section 7). */
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
  // Native sidecars (Kubernetes 1.29): init containers that stay, and get their SIGTERM after the others have ended.
  ...(sidecars.length === 0
    ? {}
    : { initContainers: sidecars.map((one) => ({ ...one, restartPolicy: 'Always' as const })) }),
  containers: [...containers],
  volumes: [
    ...Object.entries(scratch).map(([name, sizeLimit]) => ({ name, emptyDir: { sizeLimit } })),
    ...volumes,
  ],
})

export interface DeploymentOptions {
  readonly namespace: string
  readonly name: string
  readonly labels: Record<string, string>
  readonly pod: PodSpec
  /** What pods read at start: a change of it must restart them. Only its hash is written. */
  readonly restartOn: unknown
  /** Left out for autoscaled Deployments: their number belongs to the HPA. */
  readonly replicas?: number
  readonly strategy?: 'Recreate' | 'RollingUpdate'
}

/** A Deployment whose pods carry a checksum of what they read at start. */
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
