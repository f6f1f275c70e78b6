import { byName, itemsOf } from './apply.mts'
import type { LiveObject } from './k8s.mts'
import type { Kubectl } from './kubectl.mts'
import { lastingKinds, moduleSelector, prunableKinds, type Owner } from './ownership.mts'

/** All live objects of one module in one environment: one question, however many batches follow. */
export interface OurObjects {
  /** By name, as they were when they were first asked for. */
  find(): Promise<Map<string, LiveObject>>
  /** Something was written past this run: ask again. */
  forget(): void
}

export function createOurObjects(kubectl: Kubectl, owner: Omit<Owner, 'step'>): OurObjects {
  let found: Promise<Map<string, LiveObject>> | undefined
  const kinds = [...prunableKinds, ...lastingKinds].join(',')
  const words = ['get', kinds, '--all-namespaces', '--selector', moduleSelector(owner)]
  const ask = async () => byName(itemsOf(await kubectl.json([...words, '--show-managed-fields'])))
  return {
    find: () => (found ??= ask()),
    forget: () => void (found = undefined),
  }
}
