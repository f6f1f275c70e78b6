import type { PersistentVolumeClaim, PodSpec, StatefulSet } from '../types.mts'
import { checksumOf } from './objects.mts'

// One pod with a volume of its own, which stays when the pod is deleted.

/**
 * A volume that one node at a time mounts. The kit never deletes it (not a prunable kind). It may grow where its
 * StorageClass allows; a volumeClaimTemplate of a StatefulSet could not be changed.
 * @param size a Kubernetes quantity: `10Gi`
 * @param storageClass undefined for the cluster's default
 */
export const volumeClaim = (
  namespace: string,
  name: string,
  size: string,
  storageClass: string | undefined,
): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { namespace, name },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: size } },
    ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
  },
})

/** What a StatefulSet is built from. */
export interface StatefulSetOptions {
  readonly namespace: string
  readonly name: string
  readonly labels: Record<string, string>
  readonly pod: PodSpec
  /** Values the pod reads when it starts: a change must restart it. Only a hash is written, as an annotation. */
  readonly restartOn: unknown
}

/** A StatefulSet of one pod, reached by the Service of its own name: the old pod ends before the new one starts. */
export const statefulSet = ({
  namespace,
  name,
  labels,
  pod,
  restartOn,
}: StatefulSetOptions): StatefulSet => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { namespace, name, labels },
  spec: {
    replicas: 1,
    serviceName: name,
    revisionHistoryLimit: 3,
    selector: { matchLabels: labels },
    template: { metadata: { labels, annotations: checksumOf([restartOn, pod]) }, spec: pod },
  },
})
