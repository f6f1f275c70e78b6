import { sendObjects, fieldManager, replicasManager } from '../objects.mts'
import type { Planned } from './diff.mts'
import {
  type LiveObject,
  type Manifest,
  nameOf,
  type Deployment,
  type FieldSet,
  type HorizontalPodAutoscaler,
} from '../types.mts'
import type { Kubectl } from '../kubectl.mts'

/**
 * Sends new and changed objects, namespaces first. Live replicas that the kit stops declaring are kept by
 * `replicasManager` for the HPA. Each object is sent with the resourceVersion it was compared in, so that a write by
 * another client is not overwritten.
 * @param live by nameOf
 * @throws ObjectModified (5) when one has another resourceVersion; others may have been sent. See also sendObjects
 */
export async function sendChanged(
  kubectl: Kubectl,
  planned: readonly Planned[],
  live: ReadonlyMap<string, LiveObject>,
): Promise<void> {
  const fresh = changedOf(planned)
  for (const batch of [fresh.filter(isNamespace), fresh.filter((manifest) => !isNamespace(manifest))]) {
    if (batch.length === 0) continue
    const handed = takenOverReplicas(batch, live)
    const after = new Map(live)
    const send = async (objects: readonly Manifest[], manager?: string) => {
      if (objects.length === 0) return
      const versioned = objects.map((one) => inVersion(one, after.get(nameOf(one))))
      const how = { dryRun: false, ...(manager === undefined ? {} : { manager }) }
      for (const [name, now] of await sendObjects(kubectl, versioned, how)) after.set(name, now)
    }
    await send(handed, replicasManager)
    await send(batch)
  }
}

/**
 * Sends the starting replicas of Deployments that were new or at 0 replicas when the batch was first compared. Without
 * a resourceVersion: the Deployment controller writes the status of a new Deployment at once.
 * @param planned the first comparison of the batch, not a later one: there the Deployments are no longer new
 * @param live by nameOf, as it was then
 * @throws KitError, see sendObjects
 */
export async function sendStartingReplicas(
  kubectl: Kubectl,
  planned: readonly Planned[],
  live: ReadonlyMap<string, LiveObject>,
): Promise<void> {
  const everything = planned.map(({ manifest }) => manifest)
  const starting = startingReplicas(changedOf(planned), live, everything)
  if (starting.length > 0) await sendObjects(kubectl, starting, { dryRun: false, manager: replicasManager })
}

const changedOf = (planned: readonly Planned[]): Manifest[] =>
  planned.filter(({ comparison }) => comparison.status !== 'unchanged').map(({ manifest }) => manifest)

/** The manifest with the resourceVersion of `now`: with an old one the API server refuses the apply (HTTP 409). */
export const inVersion = (manifest: Manifest, now: LiveObject | undefined): Manifest => {
  const resourceVersion = now?.metadata.resourceVersion
  if (resourceVersion === undefined) return manifest
  return { ...manifest, metadata: { ...manifest.metadata, resourceVersion } as Manifest['metadata'] & object }
}

const isNamespace = ({ kind }: Manifest): boolean => kind === 'Namespace'

// The HPA sets the number of pods of an autoscaled Deployment, and the kit declares no `replicas` for it. Two partial
// objects, applied by a field manager of their own, keep the API server from setting its default of 1: the starting
// replicas and those taken over.

const isUnscaled = (manifest: Manifest): manifest is Deployment =>
  manifest.kind === 'Deployment' && (manifest as Deployment).spec?.replicas === undefined

/**
 * Partial Deployments with the HPA's minReplicas: for new autoscaled Deployments, which would otherwise wait for the
 * HPA's first sync (15 s), and for those scaled to 0, which an HPA never scales up.
 * @param live by nameOf
 * @param scalers manifests among which their HorizontalPodAutoscalers are found
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

/** Adds the change of replicas to Deployments that have an autoscaler and 0 replicas. @param live by nameOf */
export function withScaleFromZero(
  planned: readonly Planned[],
  live: ReadonlyMap<string, LiveObject>,
): Planned[] {
  const manifests = planned.map(({ manifest }) => manifest)
  return planned.map(({ manifest, comparison }) => {
    const now = live.get(nameOf(manifest))
    const least = isUnscaled(manifest) ? leastOf(manifest, manifests) : undefined
    if (now === undefined || least === undefined || replicasOf(now) !== 0) return { manifest, comparison }
    const field = { path: 'spec.replicas', before: 0, after: least }
    return { manifest, comparison: { status: 'changed', fields: [...comparison.fields, field] } }
  })
}

const leastOf = (manifest: Deployment, scalers: readonly Manifest[]): number | undefined =>
  scalerOf(manifest, scalers)?.spec?.minReplicas

/** The autoscaler of a Deployment. @param scalers manifests among which it is found */
export const scalerOf = (
  manifest: Deployment,
  scalers: readonly Manifest[],
): HorizontalPodAutoscaler | undefined =>
  scalers.find((one) => one.kind === 'HorizontalPodAutoscaler' && scales(one, manifest)) as
    HorizontalPodAutoscaler | undefined

const replicasOf = (live: LiveObject): number | undefined => (live['spec'] as { replicas?: number }).replicas

/**
 * Partial Deployments that keep the live replicas when the kit stops setting them and leaves them to the HPA.
 * @param live by nameOf, with managedFields
 */
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
