import { byName, findLive } from './kube-objects.mts'
import { missingNamespaces, newNamespaces, planObjects, type Planned } from './apply.mts'
import { nameOf, type LiveObject, type Manifest } from './k8s.mts'
import type { Kubectl } from './kubectl.mts'
import type { OurObjects } from './our-objects.mts'
import { ownerOf, requireOurs } from './ownership.mts'
import { wokenUp } from './replicas.mts'

/** What applying a batch would change, and what is there now. */
export interface BatchPlan {
  readonly planned: readonly Planned[]
  readonly live: ReadonlyMap<string, LiveObject>
}

/** Asks what batches would change, one after another. */
export interface Planner {
  /** @throws KitError exit 5 for an object that is somebody else's */
  plan(batch: readonly Manifest[]): Promise<BatchPlan>
  /** What was planned is taken for true until something is sent. */
  keep(planned: readonly Planned[]): void
  /** Something is about to be sent: what was kept may be old then. */
  forget(): void
  /** What was planned last is there now, its namespaces too. */
  sent(): void
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
      for (const manifest of batch) requireOurs(live.get(nameOf(manifest)), ownerOf(manifest))
      const known = batch.flatMap((manifest) => kept.get(JSON.stringify(manifest)) ?? [])
      if (known.length === batch.length) return { planned: known, live }
      return { planned: wokenUp(await planObjects(kubectl, batch, live, absent), live), live }
    },
    keep(planned) {
      for (const one of planned) kept.set(JSON.stringify(one.manifest), one)
    },
    forget: () => kept.clear(),
    sent() {
      absent.clear()
      hasSent = true
    },
  }
}
