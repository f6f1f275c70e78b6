import { byName, findLive, sendObjects } from '../objects.mts'
import { type Planned, compare, type Comparison } from './diff.mts'
import { nameOf, type LiveObject, type Manifest } from '../types.mts'
import type { Kubectl } from '../kubectl.mts'
import { type OurObjects, ownerOf, requireOurs, requireStaying } from './ownership.mts'
import { withScaleFromZero } from './send.mts'
import { fieldLines } from './plan-text.mts'
import { isUpToDate } from './up-to-date.mts'
import type { Change } from '../../base/writes.mts'

/** What applying a batch would change, and the live objects by nameOf. */
export interface BatchPlan {
  readonly planned: readonly Planned[]
  readonly live: ReadonlyMap<string, LiveObject>
}

/** Plans batches, one after another. */
export interface Planner {
  /**
   * Compares a batch with the cluster.
   * @throws KitError exit 5 for an object of another owner or being deleted; see also planObjects
   */
  plan(batch: readonly Manifest[]): Promise<BatchPlan>
  /** As `plan`, without any cache: live objects are read again. @throws KitError as `plan` */
  planAnew(batch: readonly Manifest[]): Promise<BatchPlan>
  /** Caches planned objects until `invalidate`. `plan` returns them for manifests with the same JSON. */
  cache(planned: readonly Planned[]): void
  /** Drops the cache; called before objects are sent. */
  invalidate(): void
  /** The batch planned last was sent: its namespaces exist now. */
  markSent(): void
}

/** What createPlanner works with. */
export interface PlannerOptions {
  readonly kubectl: Kubectl
  readonly ours: OurObjects
  /** The live namespaces. */
  readonly namespaces: readonly LiveObject[]
}

/** A Planner for one run of one module. */
export function createPlanner({ kubectl, ours, namespaces }: PlannerOptions): Planner {
  const there = byName(namespaces)
  /** Namespaces that this run has yet to create: no dry run is possible in them. */
  const absent = new Set<string>()
  let hasSent = false
  /** Cached objects, by their manifest's JSON. */
  const kept = new Map<string, Planned>()
  const isAbsent = ({ metadata }: Manifest): boolean => absent.has(metadata?.namespace ?? '')

  async function liveOf(batch: readonly Manifest[]): Promise<Map<string, LiveObject>> {
    const known = new Map([...there, ...(await ours.find())])
    const askable = batch.filter(
      (manifest) => manifest.kind !== 'Namespace' && !known.has(nameOf(manifest)) && !isAbsent(manifest),
    )
    return new Map([...known, ...(await findLive(kubectl, askable))])
  }

  return {
    async plan(batch) {
      // The kit's own namespace is in no batch: it is created with the lock, at the first write.
      for (const name of hasSent ? newNamespaces(batch, there) : missingNamespaces(batch, there))
        absent.add(name)
      const live = await liveOf(batch)
      requireApplicable(batch, live)
      const known = batch.flatMap((manifest) => kept.get(JSON.stringify(manifest)) ?? [])
      if (known.length === batch.length) return { planned: known, live }
      return { planned: withScaleFromZero(await planObjects(kubectl, batch, live, absent), live), live }
    },
    async planAnew(batch) {
      kept.clear()
      ours.invalidate()
      const live = await findLive(kubectl, batch)
      requireApplicable(batch, live)
      const planned = await planObjects(kubectl, batch, live, new Set(newNamespaces(batch, live)))
      return { planned: withScaleFromZero(planned, live), live }
    },
    cache(planned) {
      for (const one of planned) kept.set(JSON.stringify(one.manifest), one)
    },
    invalidate: () => kept.clear(),
    markSent() {
      absent.clear()
      hasSent = true
    },
  }
}

function requireApplicable(batch: readonly Manifest[], live: ReadonlyMap<string, LiveObject>): void {
  for (const manifest of batch) {
    const now = live.get(nameOf(manifest))
    requireStaying(now)
    requireOurs(now, ownerOf(manifest))
  }
}

/** Names of the Namespaces in a batch that do not exist yet. @param live by nameOf */
export const newNamespaces = (
  manifests: readonly Manifest[],
  live: ReadonlyMap<string, LiveObject>,
): string[] =>
  manifests.flatMap((one) =>
    one.kind === 'Namespace' && !live.has(nameOf(one)) ? [one.metadata?.name ?? ''] : [],
  )

/** Names of the namespaces that a batch contains or uses and that do not exist yet. @param live by nameOf */
export const missingNamespaces = (
  manifests: readonly Manifest[],
  live: ReadonlyMap<string, LiveObject>,
): string[] => [
  ...newNamespaces(manifests, live),
  ...manifests.flatMap(({ metadata }) =>
    metadata?.namespace === undefined || live.has(`Namespace ${metadata.namespace}`)
      ? []
      : [metadata.namespace],
  ),
]

/**
 * What applying `manifests` would change, by a server-side dry run of those that isUpToDate does not prove unchanged.
 * @param live by nameOf
 * @param absent namespaces that do not exist yet: no dry run is possible there, and their objects are new
 * @throws KitError exit 8 or 9 when the API server refuses an object; see also sendObjects
 */
export async function planObjects(
  kubectl: Kubectl,
  manifests: readonly Manifest[],
  live: ReadonlyMap<string, LiveObject>,
  absent: ReadonlySet<string>,
): Promise<Planned[]> {
  const standing = new Set(manifests.filter((manifest) => isUpToDate(manifest, live.get(nameOf(manifest)))))
  const askable = manifests.filter(
    (manifest) =>
      !standing.has(manifest) && !absent.has(manifest.metadata?.namespace ?? manifest.metadata?.name ?? ''),
  )
  const dryRun =
    askable.length === 0
      ? new Map<string, LiveObject>()
      : await sendObjects(kubectl, askable, { dryRun: true })
  return manifests.map((manifest) => {
    if (standing.has(manifest)) return { manifest, comparison: { status: 'unchanged', fields: [] } }
    const result = dryRun.get(nameOf(manifest))
    const comparison: Comparison =
      result === undefined ? { status: 'new', fields: [] } : compare(live.get(nameOf(manifest)), result)
    return { manifest, comparison }
  })
}

/** The plan's entry for an object; undefined for an unchanged one, which is only counted. */
export function changeOf({ manifest, comparison }: Planned): Change | undefined {
  if (comparison.status === 'unchanged') return undefined
  if (comparison.status === 'new') return { sign: '+', what: nameOf(manifest) }
  return {
    sign: '~',
    what: nameOf(manifest),
    fields: comparison.fields.map((field) => fieldLines(manifest, field)),
  }
}

/** `11 objects: 3 created, 2 changed, 6 unchanged`, or that nothing was sent. */
export function countLine(planned: readonly Planned[]): string {
  const count = (status: string) => planned.filter(({ comparison }) => comparison.status === status).length
  const [created, changed, same] = [count('new'), count('changed'), count('unchanged')]
  if (created + changed === 0) return `${same} objects unchanged, nothing sent`
  const parts = [`${created} created`, `${changed} changed`, `${same} unchanged`]
  return `${planned.length} objects: ${parts.filter((part) => !part.startsWith('0 ')).join(', ')}`
}
