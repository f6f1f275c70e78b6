import { isDeepStrictEqual } from 'node:util'
import type { LiveObject, Pod, PodTemplateSpec } from '../types.mts'

// Pure: which pods have the newest template of a workload. By what its controller says: an annotation of the kit's own
// is the same in a template that somebody changed by hand.

/** Only a ReplicaSet's template has this label. */
const hashLabel = 'pod-template-hash'
const revisionLabel = 'controller-revision-hash'

/**
 * Returns a test for pods of a workload's newest template. None passes until its controller has made that template's
 * ReplicaSet or revision: the status of a Deployment may be of the newest generation before.
 * @param live a Deployment or StatefulSet
 * @param replicaSets of its namespace
 */
export function isOfNewest(live: LiveObject, replicaSets: Iterable<LiveObject>): (pod: Pod) => boolean {
  if (live.kind === 'StatefulSet') {
    const revision = revisionOf(live)
    return ({ metadata }) => revision !== undefined && metadata?.labels?.[revisionLabel] === revision
  }
  const owners = newestReplicaSets(live, replicaSets).map(({ metadata }) => metadata.uid)
  return ({ metadata }) => metadata?.ownerReferences?.some(({ uid }) => owners.includes(uid)) ?? false
}

/** The revision of a StatefulSet's newest template; undefined while its controller has not seen it. */
export function revisionOf({ metadata, status }: LiveObject): string | undefined {
  const { observedGeneration = 0, updateRevision } = (status ?? {}) as Readonly<{
    observedGeneration?: number
    updateRevision?: string
  }>
  return observedGeneration >= (metadata.generation ?? 0) ? updateRevision : undefined
}

/** The ReplicaSets with a Deployment's own template, as its controller compares them; mostly one, or none yet. */
export function newestReplicaSets(deployment: LiveObject, replicaSets: Iterable<LiveObject>): LiveObject[] {
  const wanted = templateOf(deployment)
  return [...replicaSets].filter(
    (one) =>
      (one.metadata.ownerReferences ?? []).some(({ uid }) => uid === deployment.metadata.uid) &&
      isDeepStrictEqual(templateOf(one), wanted),
  )
}

/** The pod template of a Deployment or ReplicaSet, without the hash. */
function templateOf(live: LiveObject): PodTemplateSpec {
  const { template } = live['spec'] as { template: PodTemplateSpec }
  const { [hashLabel]: _hash, ...labels } = template.metadata?.labels ?? {}
  return { ...template, metadata: { ...template.metadata, labels } }
}
