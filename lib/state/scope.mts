import { exitCodes, KitError } from '../base/errors.mts'
import { folderOf, headingOf } from '../base/names.mts'
import { newestOf, type Revision } from './revision.mts'
import type { Declares } from '../settings/settings.mts'

/** Who wants to act: a module of one environment, on a cluster with these revisions. */
export interface Acting {
  readonly module: Declares & { readonly scope: 'cluster' | 'environment' }
  readonly env: string
  readonly known: readonly Revision[]
}

const actedStates: readonly Revision['state'][] = ['pending', 'applied', 'validated']

/**
 * The environment a cluster-scope module was installed from, when that is another one: only that one acts, all
 * others look (DESIGN section 6, Scope). Undefined when this environment may act.
 */
export function foreignOwner({ module, env, known }: Acting): string | undefined {
  if (module.scope !== 'cluster') return undefined
  const acted = (one: string): boolean =>
    actedStates.some((state) => state === newestOf(known, folderOf(module), one)?.state)
  if (acted(env)) return undefined
  return [...new Set(known.map((one) => one.env))].find(acted)
}

/** @throws KitError exit 5 when another environment owns the module on this cluster */
export function requireOwner(acting: Acting): void {
  const owner = foreignOwner(acting)
  if (owner === undefined) return
  throw new KitError(`${headingOf(acting.module)} was installed from environment ${owner}`, {
    exitCode: exitCodes.worldMoved,
    details: [`${acting.env} may verify it, not change it. Nothing was written.`],
    hint: `use --env ${owner}`,
  })
}
