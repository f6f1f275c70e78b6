import { byName, findLive, sendObjects } from '../objects.mts'
import { type Planned, compare, type Comparison } from './diff.mts'
import { nameOf, type LiveObject, type Manifest } from '../types.mts'
import type { Kubectl } from '../kubectl.mts'
import { type OurObjects, ownerOf, requireOurs, requireStaying } from './ownership.mts'
import { withScaleFromZero } from './send.mts'
import { fieldLines } from './plan-text.mts'
import { isUpToDate } from './up-to-date.mts'
import type { Change } from '../../base/writes.mts'

/** What applying a batch would change, and what is there now. */
export interface BatchPlan {
  readonly planned: readonly Planned[]
  readonly live: ReadonlyMap<string, LiveObject>
}

/** Asks what batches would change, one after another. */
export interface Planner {
  /** @throws KitError exit 5 for an object that is somebody else's, or is being deleted */
  plan(batch: readonly Manifest[]): Promise<BatchPlan>
  /** The same, whatever was read or kept before: what is there is read again. */
  planAnew(batch: readonly Manifest[]): Promise<BatchPlan>
  /** What was planned is taken for true until something is sent. */
  cache(planned: readonly Planned[]): void
  /** Something is about to be sent: what was kept may be old then. */
  invalidate(): void
  /** What was planned last is there now, its namespaces too. */
  markSent(): void
}

export interface PlannerOptions {
  readonly kubectl: Kubectl
  readonly ours: OurObjects
  /** The namespaces there are. */
  readonly namespaces: readonly LiveObject[]
}

export function createPlanner({ kubectl, ours, namespaces }: PlannerOptions): Planner {
  const there = byName(namespaces)
  /** Namespaces that are not there before this run makes them: nothing in them can be asked about. */
  const absent = new Set<string>()
  let hasSent = false
  /** By the manifest's own text. */
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
      // The kit's own namespace comes with the lock, at the first write, and is in no batch.
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

/** Names of namespaces in a batch that are not there yet. */
export const newNamespaces = (
  manifests: readonly Manifest[],
  live: ReadonlyMap<string, LiveObject>,
): string[] =>
  manifests.flatMap((one) =>
    one.kind === 'Namespace' && !live.has(nameOf(one)) ? [one.metadata?.name ?? ''] : [],
  )

/** Names of namespaces a batch needs that are not there yet. */
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
 * What applying `manifests` would change, asked of the server without changing anything; it is not asked about what
 * certainly stands. Objects in a namespace that does not exist yet (`absent`) cannot be asked about: they are new.
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

/** How a planned object stands in the plan; unchanged ones are counted, not listed. */
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
