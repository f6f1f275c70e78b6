import { exitCodes, KitError } from '../base/errors.mts'
import { log } from '../base/log.mts'
import { folderOf, masterCommand } from '../base/names.mts'
import { isValidated, lastPassed, newestOf, shortTime, type Revision } from './revision.mts'
import { clusterFaults } from '../kube/cluster-faults.mts'
import type { Look } from '../kube/cluster-view.mts'
import { written } from '../base/written.mts'

/** A module that another one needs, as in its row of the table of modules (scripts/modules.mjs). */
export interface Needed {
  readonly number: number
  readonly slug: string
  readonly title: string
}

/**
 * Requires that the modules a module needs are validated on this cluster, and that the cluster is healthy now (DESIGN
 * section 6, Gate). Warns of nodes that are away or short of something: the others may have room.
 * @param revisions of every module on the cluster, oldest first
 * @throws KitError exit 3 when a needed module was never validated, or the cluster is not healthy now
 */
export function requireGate(
  env: string,
  look: Look,
  needed: readonly Needed[],
  revisions: readonly Revision[],
): void {
  for (const { number, slug, title } of needed) {
    const revision = newestOf(revisions, folderOf({ number, slug }), undefined)
    if (revision === undefined || !isValidated(revision)) {
      throw new KitError(`module ${number} ${title} is not validated on this cluster`, {
        exitCode: exitCodes.preflight,
        hint: `${masterCommand(number, env)}   (with --verify for a cluster that is already there)`,
      })
    }
    const { validated, failedSince } = provenText(`${number} ${title}`, revision)
    log.done(validated)
    if (failedSince !== undefined)
      log.warn(failedSince, `${masterCommand(number, env, '--verify')}   shows each check with its fix`)
  }
  const { fatal, partial } = clusterFaults(look)
  for (const { text, next } of partial) log.warn(text, next)
  if (fatal.length === 0) return
  const next = fatal.find((one) => one.next !== undefined)?.next
  throw new KitError('the cluster is not healthy now', {
    exitCode: exitCodes.preflight,
    details: [...fatal.map(({ text }) => text), written()],
    hint:
      next === undefined
        ? `${masterCommand(needed[0]?.number ?? 9, env, '--verify')}   shows each check with its fix`
        : `${next}; then run the same command again`,
  })
}

/** When a module was last validated, and which newer verification failed, as text. @param module as shown: `9 K3s` */
export function provenText(module: string, revision: Revision): { validated: string; failedSince?: string } {
  const passed = lastPassed(revision)
  const validated =
    passed === undefined
      ? `${module} validated, when is not known any more`
      : `${module} validated ${shortTime(passed.when)}, ${passed.checks} checks`
  const { when, checks, failed } = revision.tested ?? { when: '', checks: 0, failed: 0 }
  if (failed === 0) return { validated }
  return {
    validated,
    failedSince: `${module}: a newer verification failed, ${shortTime(when)}: ${failed} of ${checks} checks`,
  }
}
