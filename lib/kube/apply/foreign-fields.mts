import { written } from '../../base/written.mts'
import { exitCodes, KitError } from '../../base/errors.mts'
import { log, record } from '../../base/log.mts'
import type { Writes } from '../../base/writes.mts'
import type { Kubectl } from '../kubectl.mts'
import { ObjectModified } from '../server-errors.mts'
import { findLive, sendObjects } from '../objects.mts'
import { nameOf, type LiveObject, type Manifest } from '../types.mts'
import { conflictLine, conflictsOf, requireNoConflict } from './conflicts.mts'
import type { Planned } from './diff.mts'
import { changeOf, planObjects } from './planner.mts'
import { inVersion } from './send.mts'

/** What setForeignFields works with. */
export interface FieldWriter {
  readonly kubectl: Kubectl
  readonly writes: Writes
  /** Takes back fields that another manager owns. */
  readonly forceConflicts: boolean
}

/** Most comparisons of the fields: the status of a Deployment may be written between a comparison and the apply. */
const mostCompared = 5

/** The objects with fields to change, and the live objects as they were compared, by nameOf. */
interface Compared {
  readonly changed: readonly Planned[]
  readonly live: ReadonlyMap<string, LiveObject>
}

/**
 * Sets single fields of objects that the kit does not own, by server-side apply of these fields alone. The objects get
 * no label and are in no revision, so the kit never deletes them. Each is sent with the resourceVersion it was compared
 * in; one that was changed meanwhile is compared again.
 * @param fields partial objects: identity, and the fields to set
 * @throws KitError exit 5 when another manager owns such a field with another value (only noted under --plan, allowed
 * by `forceConflicts`); exit 9 when an object does not exist; ObjectModified (5) for one that was changed after each
 * comparison; see also sendObjects and Writes.make
 */
export async function setForeignFields(writer: FieldWriter, fields: readonly Manifest[]): Promise<void> {
  const { writes } = writer
  const compared = await compare(writer, fields, false)
  if (compared.changed.length === 0) return
  await writes.make(
    compared.changed.flatMap((one) => changeOf(one) ?? []),
    () => sendCompared(writer, compared),
  )
  if (!writes.planning)
    log.ok(`fields set: ${compared.changed.map(({ manifest }) => nameOf(manifest)).join(', ')}`)
}

async function sendCompared(writer: FieldWriter, first: Compared): Promise<void> {
  let { changed, live } = first
  for (let tries = 1; changed.length > 0; tries += 1) {
    const manifests = changed.map(({ manifest }) => manifest)
    try {
      const versioned = manifests.map((one) => inVersion(one, live.get(nameOf(one))))
      return void (await sendObjects(writer.kubectl, versioned, { dryRun: false }))
    } catch (thrown) {
      if (!(thrown instanceof ObjectModified) || tries === mostCompared) throw thrown
      record(`compared again (${tries}): ${thrown.details.join(' ')}`)
      ;({ changed, live } = await compare(writer, manifests, true))
    }
  }
}

/** @param hasWritten for the error: true once an object may have been sent */
async function compare(
  { kubectl, writes, forceConflicts }: FieldWriter,
  fields: readonly Manifest[],
  hasWritten: boolean,
): Promise<Compared> {
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
  else if (!forceConflicts) requireNoConflict(conflicts, hasWritten)
  return { changed: planned.filter(({ comparison }) => comparison.status !== 'unchanged'), live }
}
