import type { Planned } from './apply.mts'
import { fieldManager } from './kube-objects.mts'
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

/**
 * New autoscaled Deployments start with their minimum at once, not when the HPA first looks (15 s later); and one
 * that was scaled to nothing gets it back: an HPA leaves a Deployment without pods alone for ever.
 * @param scalers where to look for their autoscalers
 */
export function startingReplicas(
  batch: readonly Manifest[],
  live: ReadonlyMap<string, LiveObject>,
  scalers: readonly Manifest[],
): Manifest[] {
  return batch.filter(isUnscaled).flatMap((manifest) => {
    const now = live.get(nameOf(manifest))
    const least = leastOf(manifest, scalers)
    return least !== undefined && (now === undefined || replicasOf(now) === 0)
      ? [withReplicas(manifest, least)]
      : []
  })
}

/** The comparison of a Deployment that stands at no pods although it has an autoscaler: that changes. */
export function wokenUp(planned: readonly Planned[], live: ReadonlyMap<string, LiveObject>): Planned[] {
  const manifests = planned.map(({ manifest }) => manifest)
  return planned.map(({ manifest, comparison }) => {
    const now = live.get(nameOf(manifest))
    const least = isUnscaled(manifest) ? leastOf(manifest, manifests) : undefined
    if (now === undefined || least === undefined || replicasOf(now) !== 0) return { manifest, comparison }
    const field = { path: 'spec.replicas', before: 0, after: least }
    return { manifest, comparison: { status: 'changed', fields: [...comparison.fields, field] } }
  })
}

function leastOf(manifest: Deployment, scalers: readonly Manifest[]): number | undefined {
  const scaler = scalers.find((one) => one.kind === 'HorizontalPodAutoscaler' && scales(one, manifest))
  return (scaler as HorizontalPodAutoscaler | undefined)?.spec?.minReplicas
}

const replicasOf = (live: LiveObject): number | undefined => (live['spec'] as { replicas?: number }).replicas

/** Deployments whose number we set until now and leave to the HPA from now on: the live number is kept. */
export function takenOverReplicas(
  batch: readonly Manifest[],
  live: ReadonlyMap<string, LiveObject>,
): Manifest[] {
  return batch.filter(isUnscaled).flatMap((manifest) => {
    const now = live.get(nameOf(manifest))
    const replicas = now && replicasOf(now)
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
