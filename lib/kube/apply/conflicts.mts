import type { Planned } from './diff.mts'
import { exitCodes, KitError } from '../../base/errors.mts'
import { isHidden, withoutHidden } from './hidden-values.mts'
import { nameOf, type Manifest } from '../types.mts'
import { written } from '../../base/written.mts'

/** A field that another field manager owns and that applying would overwrite. */
export interface Conflict {
  readonly manifest: Manifest
  readonly path: string
  readonly before: unknown
  readonly after: unknown
  readonly owner: string
}

/** The conflicts in a plan: changed fields with a foreign owner. */
export const conflictsOf = (planned: readonly Planned[]): Conflict[] =>
  planned.flatMap(({ manifest, comparison }) =>
    comparison.fields.flatMap(({ path, before, after, owner }) =>
      owner === undefined ? [] : [{ manifest, path, before, after, owner }],
    ),
  )

/** One line for a conflict: field, object, owner, both values; those of secrets are `***`. */
export const conflictLine = ({ manifest, path, before, after, owner }: Conflict): string => {
  const hidden = manifest.kind === 'Secret' || isHidden(manifest, path)
  const show = (value: unknown) => (hidden ? '***' : JSON.stringify(withoutHidden(value)))
  return `${path} of ${nameOf(manifest)} is owned by ${owner} (${show(before)}), ours is ${show(after)}`
}

/**
 * Requires that there is no conflict.
 * @param hasWritten true when objects may have been sent before the conflict was found; the error says so
 * @throws KitError exit 5 listing the conflicts
 */
export function requireNoConflict(conflicts: readonly Conflict[], hasWritten = false): void {
  if (conflicts.length === 0) return
  throw new KitError(`${conflicts.length} field(s) were changed by hand`, {
    exitCode: exitCodes.conflict,
    details: [
      ...conflicts.map(conflictLine),
      hasWritten ? 'They were changed while this run was writing, and left as they are.' : written(),
    ],
    hint: 'put your values into the settings, or run again with --force-conflicts to take these fields back',
  })
}
