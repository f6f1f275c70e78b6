import { exitCodes, KitError } from '../base/errors.mts'
import { headingOf, masterCommand } from '../base/names.mts'
import type { Module } from '../run/module.mts'
import type { Revision } from '../state/revision.mts'
import type { Session } from '../run/session.mts'

// A database's schema moves forward only: an older image does not run on a newer schema. Where it stands is asked
// of the database itself, and every revision keeps the answer.

/** The name of the last migration in the module's database; undefined when it has none, or there is no database yet. */
export async function readSchema<M extends Module>({
  module,
  backends,
  inputs,
}: Session<M>): Promise<string | undefined> {
  const schema = module.schema?.(inputs.current())
  return schema && backends().postgres.findText(schema.database, schema.lastMigration)
}

/**
 * Lets a rollback begin only when the database stands where it stood at `target`.
 * @throws KitError exit 5 with the commands that bring it back
 */
export async function requireSameSchema<M extends Module>(
  session: Session<M>,
  target: Revision,
): Promise<void> {
  const { module, inputs, env } = session
  const schema = module.schema?.(inputs.current())
  const now = await readSchema(session)
  if (schema === undefined || now === undefined || target.schema === now) return
  throw new KitError(`the database has moved on since revision ${target.number} of ${headingOf(module)}`, {
    exitCode: exitCodes.worldMoved,
    details: [
      `last migration then: ${target.schema ?? 'not recorded'}`,
      `last migration now: ${now}`,
      'The older image cannot be trusted with the newer schema. Nothing was written.',
      'The way back is the backup from before the upgrade:',
      ...schema.restore.map((line) => `    ${line}`),
    ],
    hint: `restore the backup, then ${masterCommand(module.number, env, '--rollback', String(target.number))}`,
  })
}
