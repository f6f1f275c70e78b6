import { fieldManager } from './diff.mts'
import {
  nameOf,
  type Deployment,
  type FieldSet,
  type HorizontalPodAutoscaler,
  type LiveObject,
  type Manifest,
} from './k8s.mts'

// The number of pods of an autoscaled Deployment belongs to its HPA. We leave `replicas` out; these two partial
// objects, applied by a manager of their own, keep the API server from falling back to its default of 1.

const isUnscaled = (manifest: Manifest): manifest is Deployment =>
  manifest.kind === 'Deployment' && (manifest as Deployment).spec?.replicas === undefined

/** New autoscaled Deployments start with their minimum at once, not when the HPA first looks (15 s later). */
export function startingReplicas(
  batch: readonly Manifest[],
  live: ReadonlyMap<string, LiveObject>,
): Manifest[] {
  return batch.filter(isUnscaled).flatMap((manifest) => {
    const scaler = batch.find((one) => one.kind === 'HorizontalPodAutoscaler' && scales(one, manifest))
    const least = (scaler as HorizontalPodAutoscaler | undefined)?.spec?.minReplicas
    return live.has(nameOf(manifest)) || least === undefined ? [] : [withReplicas(manifest, least)]
  })
}

/** Deployments whose number we set until now and leave to the HPA from now on: the live number is kept. */
export function takenOverReplicas(
  batch: readonly Manifest[],
  live: ReadonlyMap<string, LiveObject>,
): Manifest[] {
  return batch.filter(isUnscaled).flatMap((manifest) => {
    const now = live.get(nameOf(manifest))
    const replicas = (now?.['spec'] as { replicas?: number } | undefined)?.replicas
    return now === undefined || replicas === undefined || !weOwnReplicas(now)
      ? []
      : [withReplicas(manifest, replicas)]
  })
}

const scales = (scaler: Manifest, { metadata }: Deployment): boolean =>
  (scaler as HorizontalPodAutoscaler).spec?.scaleTargetRef.name === metadata?.name &&
  scaler.metadata?.namespace === metadata?.namespace

const weOwnReplicas = (live: LiveObject): boolean =>
  (live.metadata.managedFields ?? []).some(
    ({ manager, fieldsV1 }) =>
      manager === fieldManager &&
      (fieldsV1?.['f:spec'] as FieldSet | undefined)?.['f:replicas'] !== undefined,
  )

const withReplicas = ({ apiVersion, kind, metadata }: Deployment, replicas: number): Manifest =>
  ({
    apiVersion,
    kind,
    metadata: { name: metadata?.name, namespace: metadata?.namespace },
    spec: { replicas },
  }) as Manifest
