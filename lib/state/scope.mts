import { exitCodes, KitError } from '../base/errors.mts'
import { folderOf, headingOf } from '../base/names.mts'
import { newestOf, type Revision } from './revision.mts'
import type { Declares } from '../settings/settings.mts'
import { written } from '../base/written.mts'

/** A module of one environment that is to be changed, on a cluster with these revisions (oldest first). */
export interface Acting {
  readonly module: Declares & { readonly scope: 'cluster' | 'environment' }
  readonly env: string
  readonly known: readonly Revision[]
}

const actedStates: readonly Revision['state'][] = ['pending', 'applied', 'validated']

/**
 * The other environment that a cluster-scope module was installed from: only that one may change the module, all others
 * may verify it (DESIGN section 6, Scope). Undefined when this environment may change it.
 */
export function foreignOwner({ module, env, known }: Acting): string | undefined {
  if (module.scope !== 'cluster') return undefined
  const acted = (one: string): boolean =>
    actedStates.some((state) => state === newestOf(known, folderOf(module), one)?.state)
  if (acted(env)) return undefined
  return [...new Set(known.map((one) => one.env))].find(acted)
}

/** Requires that this environment may change the module. @throws KitError exit 5 when another environment owns it */
export function requireOwner(acting: Acting): void {
  const owner = foreignOwner(acting)
  if (owner === undefined) return
  throw new KitError(`${headingOf(acting.module)} was installed from environment ${owner}`, {
    exitCode: exitCodes.conflict,
    details: [`${acting.env} may verify it, not change it. ${written()}`],
    hint: `use --env ${owner}`,
  })
}
