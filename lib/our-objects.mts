import { byName, itemsOf } from './kube-objects.mts'
import type { LiveObject } from './k8s.mts'
import type { Kubectl } from './kubectl.mts'
import { lastingKinds, moduleSelector, ownerOf, prunableKinds, type Owner } from './ownership.mts'

/** All live objects of one module in one environment: however many batches follow, they are asked for once. */
export interface OurObjects {
  /** By name, as they were when they were last read. */
  find(): Promise<Map<string, LiveObject>>
  /** Something was written past this run: ask again. */
  forget(): void
}

/** @param read the objects of every module, as this run has read them */
export function createOurObjects(
  kubectl: Kubectl,
  owner: Omit<Owner, 'step'>,
  read: readonly LiveObject[],
): OurObjects {
  const isOurs = (live: LiveObject): boolean =>
    ownerOf(live).module === owner.module && ownerOf(live).env === owner.env
  let found: Promise<Map<string, LiveObject>> | undefined = Promise.resolve(byName(read.filter(isOurs)))
  const kinds = [...prunableKinds, ...lastingKinds].join(',')
  const words = ['get', kinds, '--all-namespaces', '--selector', moduleSelector(owner)]
  const ask = async () => byName(itemsOf(await kubectl.json([...words, '--show-managed-fields'])))
  return {
    find: () => (found ??= ask()),
    forget: () => void (found = undefined),
  }
}
