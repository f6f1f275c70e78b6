import type { Planned } from './diff.mts'
import { exitCodes, KitError } from '../../base/errors.mts'
import { isHidden, withoutHidden } from './hidden-values.mts'
import { nameOf, type Manifest } from '../types.mts'

/** A field that another manager set by hand and that applying would take back. */
export interface Conflict {
  readonly manifest: Manifest
  readonly path: string
  readonly before: unknown
  readonly after: unknown
  readonly owner: string
}

export const conflictsOf = (planned: readonly Planned[]): Conflict[] =>
  planned.flatMap(({ manifest, comparison }) =>
    comparison.fields.flatMap(({ path, before, after, owner }) =>
      owner === undefined ? [] : [{ manifest, path, before, after, owner }],
    ),
  )

/** One line a conflict: field, object, owner, both values. */
export const conflictLine = ({ manifest, path, before, after, owner }: Conflict): string => {
  const hidden = manifest.kind === 'Secret' || isHidden(manifest, path)
  const show = (value: unknown) => (hidden ? '***' : JSON.stringify(withoutHidden(value)))
  return `${path} of ${nameOf(manifest)} is owned by ${owner} (${show(before)}), ours is ${show(after)}`
}

/**
 * @param written something of the batch was sent before one of its objects was found changed
 * @throws KitError exit 5
 */
export function requireNoConflict(conflicts: readonly Conflict[], written = false): void {
  if (conflicts.length === 0) return
  throw new KitError(`${conflicts.length} field(s) were changed by hand`, {
    exitCode: exitCodes.worldMoved,
    details: [
      ...conflicts.map(conflictLine),
      written
        ? 'They were changed while this run was writing, and left as they are.'
        : 'Nothing was written.',
    ],
    hint: 'put your values into the settings, or run again with --force-conflicts to take these fields back',
  })
}
