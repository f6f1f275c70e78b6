import type { Volume as KnownVolume } from 'kubernetes-types/core/v1.d.ts'

export type { DaemonSet, Deployment, StatefulSet } from 'kubernetes-types/apps/v1.d.ts'
export type { Job } from 'kubernetes-types/batch/v1.d.ts'
export type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.d.ts'
export type {
  ConfigMap,
  Container,
  EnvVar,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  PodTemplateSpec,
  Probe,
  Secret,
  Service,
} from 'kubernetes-types/core/v1.d.ts'
export type { Ingress, NetworkPolicy } from 'kubernetes-types/networking/v1.d.ts'
export type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.d.ts'

/** A volume of a pod, with two kinds that kubernetes-types lacks: generic ephemeral, and image (Kubernetes 1.33). */
export interface Volume extends KnownVolume {
  ephemeral?: { volumeClaimTemplate: { spec: object } }
  image?: { reference: string; pullPolicy: 'Always' }
}

/** One Kubernetes object as plain data, any kind. The typed kinds above fit it. */
export interface Manifest {
  apiVersion?: string
  kind?: string
  metadata?: {
    name?: string
    namespace?: string
    labels?: { [key: string]: string }
    annotations?: { [key: string]: string }
  }
}

/** An object as the API server returns it: a Manifest plus the fields only the server writes. */
export interface LiveObject {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace?: string
    uid?: string
    resourceVersion?: string
    generation?: number
    creationTimestamp?: string
    deletionTimestamp?: string
    finalizers?: string[]
    labels?: Record<string, string>
    annotations?: Record<string, string>
    managedFields?: ManagedFields[]
    ownerReferences?: { kind: string; name: string; uid?: string }[]
  }
  [field: string]: unknown
}

/** One manager's entry in metadata.managedFields (Kubernetes, server-side apply). */
export interface ManagedFields {
  manager: string
  operation: 'Apply' | 'Update'
  apiVersion?: string
  subresource?: string
  fieldsV1?: FieldSet
}

/** fieldsV1 of managedFields: keys such as `f:spec` or `k:{"name":"n8n"}`, nested; a leaf is empty. */
export interface FieldSet {
  [field: string]: FieldSet
}

/** `Deployment n8n-staging/n8n-worker`: an object's name as shown to operators, and the key of every map of objects. */
export function nameOf(object: Manifest | LiveObject): string {
  const { namespace, name } = object.metadata ?? {}
  return `${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`
}

interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
}

/** An object's condition in `status.conditions`; undefined when it has none of that type. @param type `Ready` */
export const conditionOf = (live: LiveObject, type: string): Condition | undefined =>
  (live['status'] as { conditions?: Condition[] } | undefined)?.conditions?.find((one) => one.type === type)
