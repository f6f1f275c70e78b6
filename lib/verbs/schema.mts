import { exitCodes, KitError } from '../base/errors.mts'
import { headingOf, masterCommand } from '../base/names.mts'
import type { Module } from '../run/module.mts'
import type { Revision } from '../state/revision.mts'
import type { Session } from '../run/session.mts'
import { written } from '../base/written.mts'
import { dumpBefore } from './dump.mts'

// Migrations of a database go forward only: an older image does not run on a newer schema. The last migration is read
// from the database itself, and saved in every revision.

/**
 * The name of the last migration in the module's database; undefined when it has none, or there is no database yet.
 * @throws KitError exit 2 for settings; exit 6, 7, 8 or 9 when the database cannot be read, see PostgresReader.findText
 */
export async function readSchema<M extends Module>({
  module,
  backends,
  inputs,
}: Session<M>): Promise<string | undefined> {
  const schema = module.schema?.(inputs.current())
  return schema && backends().postgres.findText(schema.database, schema.lastMigration)
}

/**
 * Requires for a rollback that the database's last migration is that of `target`.
 * @throws KitError exit 5 with the commands that restore the backup; exit 2 or 6 to 9, see readSchema
 */
export async function requireSameSchema<M extends Module>(
  session: Session<M>,
  target: Revision,
): Promise<void> {
  const { module, inputs, env, requireOpened } = session
  const schema = module.schema?.(inputs.current())
  const now = await readSchema(session)
  if (schema === undefined || now === undefined || target.schema === now) return
  throw new KitError(`the database has moved on since revision ${target.number} of ${headingOf(module)}`, {
    exitCode: exitCodes.conflict,
    details: [
      `last migration then: ${target.schema ?? 'not recorded'}`,
      `last migration now: ${now}`,
      `The older image cannot be trusted with the newer schema. ${written()}`,
      ...(await dumpBefore(target, requireOpened().revisions.all, schema)),
      ...schema.restore.map((line) => `    ${line}`),
    ],
    hint: `restore the backup, then ${masterCommand(module.number, env, '--rollback', String(target.number))}`,
  })
}
