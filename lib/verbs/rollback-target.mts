import { exitCodes, KitError } from '../base/errors.mts'
import { isValidated, shortTime, type Revision } from '../state/revision.mts'
import type { RunRevision } from '../state/run-revision.mts'

// Pure: which revision a rollback goes to.

/**
 * The revision to go back to.
 * @param number the one that was named; without it a rollback that was cut short is finished, else the newest
 * validated one whose objects are others than now
 * @throws KitError exit 5 when there is none
 */
export function targetOf(
  { all, current }: RunRevision,
  number: number | undefined,
  heading: string,
): Revision {
  const usable = all.filter(isUsable)
  const cutShort = current?.state === 'pending' ? current.rollbackOf : undefined
  const wanted = number ?? cutShort
  const target =
    wanted === undefined ? newestTarget(all, current) : usable.find((one) => one.number === wanted)
  if (target !== undefined) return target
  throw new KitError(
    wanted === undefined
      ? `${heading} has no earlier validated revision to go back to`
      : `${heading} has no revision ${wanted} to go back to`,
    {
      exitCode: exitCodes.worldMoved,
      details: usable.map(
        (one) => `revision ${one.number}, ${one.state}, ${shortTime(one.when)}, by ${one.who}`,
      ),
      hint: usable.length === 0 ? 'install the module first' : 'name one of these: --rollback REV',
    },
  )
}

/** The newest validated revision whose objects are others than now. */
export const newestTarget = (all: readonly Revision[], current: Revision | undefined): Revision | undefined =>
  all.findLast((one) => isUsable(one) && isValidated(one) && differs(one, current))

const isUsable = ({ manifests, state }: Revision): boolean => manifests.length > 0 && state !== 'pending'

/** A pending revision stands for a mixture: everything differs from it. */
const differs = (one: Revision, current: Revision | undefined): boolean =>
  current?.state === 'pending' ||
  current?.state === 'uninstalled' ||
  JSON.stringify(one.manifests) !== JSON.stringify(current?.manifests)
