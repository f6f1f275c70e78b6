import { written } from '../../base/written.mts'
import { exitCodes, KitError } from '../../base/errors.mts'
import { log } from '../../base/log.mts'
import type { Writes } from '../../base/writes.mts'
import type { Kubectl } from '../kubectl.mts'
import { findLive, sendObjects } from '../objects.mts'
import { nameOf, type Manifest } from '../types.mts'
import { conflictLine, conflictsOf, requireNoConflict } from './conflicts.mts'
import { changeOf, planObjects } from './planner.mts'

/** What setForeignFields works with. */
export interface FieldWriter {
  readonly kubectl: Kubectl
  readonly writes: Writes
  /** Takes back fields that another manager owns. */
  readonly forceConflicts: boolean
}

/**
 * Sets single fields of objects that belong to somebody else, by server-side apply of these fields alone. The objects
 * get no label and are in no revision, so nothing of the kit ever deletes them.
 * @param fields partial objects: identity, and the fields to set
 * @throws KitError exit 5 when another manager owns such a field with another value; exit 9 when an object does not
 *   exist; see also Kubectl.run and Writes.make
 */
export async function setForeignFields(
  { kubectl, writes, forceConflicts }: FieldWriter,
  fields: readonly Manifest[],
): Promise<void> {
  const live = await findLive(kubectl, fields)
  const absent = fields.map(nameOf).filter((name) => !live.has(name))
  if (absent.length > 0) {
    throw new KitError(`${absent.join(', ')} does not exist`, {
      exitCode: exitCodes.rolloutFailed,
      details: [`It comes with the cluster, and the kit only sets fields of it. ${written()}`],
      hint: 'systemctl restart k3s on one master: K3s makes its own objects anew when it starts; then run the same command again',
    })
  }
  const planned = await planObjects(kubectl, fields, live, new Set())
  const conflicts = conflictsOf(planned)
  if (writes.planning) for (const one of conflicts) writes.note({ sign: '!', what: conflictLine(one) })
  else if (!forceConflicts) requireNoConflict(conflicts)
  const changed = planned.filter(({ comparison }) => comparison.status !== 'unchanged')
  if (changed.length === 0) return
  const manifests = changed.map(({ manifest }) => manifest)
  await writes.make(
    changed.flatMap((one) => changeOf(one) ?? []),
    async () => void (await sendObjects(kubectl, manifests, { dryRun: false })),
  )
  if (!writes.planning) log.ok(`fields set: ${manifests.map(nameOf).join(', ')}`)
}
