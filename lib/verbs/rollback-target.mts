import { exitCodes, KitError } from '../base/errors.mts'
import { isValidated, shortTime, type Revision } from '../state/revision.mts'
import type { RunRevision } from '../state/run-revision.mts'
import { imagesIn } from '../kube/workloads.mts'
import { headingOf, masterCommand } from '../base/names.mts'
import { written } from '../base/written.mts'
import { denialOf, denialOfImage, untoldOf, untoldOfImage } from '../settings/denied-versions.mts'
import type { Declares } from '../settings/settings.mts'
import type { Versions } from '../settings/versions.mts'

// Pure: the target revision of a rollback.

/**
 * The revision to roll back to.
 * @param number the one given; without it the target of an interrupted rollback, else the newest validated revision
 *   whose objects differ from the current ones
 * @param heading the module, in messages
 * @throws KitError exit 5 when there is no such revision
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
      exitCode: exitCodes.conflict,
      details: usable.map(
        (one) => `revision ${one.number}, ${one.state}, ${shortTime(one.when)}, by ${one.who}`,
      ),
      hint: usable.length === 0 ? 'install the module first' : 'name one of these: --rollback REV',
    },
  )
}

/** The newest validated revision whose objects differ from the current ones. @param all oldest first */
export const newestTarget = (all: readonly Revision[], current: Revision | undefined): Revision | undefined =>
  all.findLast((one) => isUsable(one) && isValidated(one) && differs(one, current))

const isUsable = ({ manifests, state }: Revision): boolean => manifests.length > 0 && state !== 'pending'

/** True when the objects differ. A pending revision is a mixture of two: every revision differs from it. */
const differs = (one: Revision, current: Revision | undefined): boolean =>
  current?.state === 'pending' ||
  current?.state === 'uninstalled' ||
  JSON.stringify(one.manifests) !== JSON.stringify(current?.manifests)

/** Why the images of a revision must never run, one line each, by versions.json as it is now. */
export function denialsOf({ images, manifests }: Revision, versions: Versions): string[] {
  const linesOf = (image: string, denial: string | undefined): string[] =>
    denial === undefined ? [] : [`${image}: ${denial}`]
  const found = [
    // A name in versions.json says which program it is, whatever its image was called then.
    ...Object.entries(images).flatMap(([name, image]) =>
      linesOf(image, denialOf(versions[name]?.denied ?? {}, '', image)),
    ),
    ...manifests.flatMap(imagesIn).flatMap((image) => linesOf(image, denialOfImage(versions, image))),
  ]
  return [...new Set(found)]
}

/** Images of a revision of which it cannot be known whether they may run, one line each, by versions.json as it is now. */
export function untoldIn({ images, manifests }: Revision, versions: Versions): string[] {
  const linesOf = (image: string, why: string | undefined): string[] =>
    why === undefined ? [] : [`${image}: ${why}`]
  const found = [
    ...Object.entries(images).flatMap(([name, image]) =>
      linesOf(image, untoldOf(name, versions[name] ?? {}, image)),
    ),
    ...manifests.flatMap(imagesIn).flatMap((image) => linesOf(image, untoldOfImage(versions, image))),
  ]
  return [...new Set(found)]
}

/**
 * Requires that a rollback brings back no version that must never run. It may have been installed before that was known.
 * @throws KitError exit 5 naming image and reason
 */
export function requireNotDenied(
  module: Pick<Declares, 'number' | 'slug' | 'title'>,
  target: Revision,
  versions: Versions,
): void {
  const [first, ...more] = denialsOf(target, versions)
  if (first === undefined) return
  throw new KitError(`revision ${target.number} of ${headingOf(module)} has ${first}`, {
    exitCode: exitCodes.conflict,
    details: [...more, written()],
    hint: `go forward instead: ${masterCommand(module.number, target.env, '--upgrade')}; or name a revision without it: --rollback REV`,
  })
}
