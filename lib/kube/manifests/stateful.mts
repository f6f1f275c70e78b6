import type { PersistentVolumeClaim, PodSpec, StatefulSet } from '../types.mts'
import { checksumOf } from './objects.mts'

// One pod with a volume of its own that outlives it.

/**
 * A volume that one node at a time mounts. The kit never deletes one (it is no prunable kind), and it may grow where its
 * StorageClass allows: the template of a StatefulSet could not be changed any more.
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
  /** Values the pod reads at start: a change must restart it. Only the hash is written, as an annotation. */
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
