import { join } from 'node:path'
import { lookAtDump } from '../backends/dump-file.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { root } from '../base/files.mts'
import { headingOf, masterCommand } from '../base/names.mts'
import { written } from '../base/written.mts'
import type { Module, Schema } from '../run/module.mts'
import { shortTime, type Revision } from '../state/revision.mts'

// The dump that a module's upgrade requires, where its `schema` names one.

/** Age in hours from which a dump lacks too much to go back to. */
const mostHours = 24

/**
 * Requires the dump of an upgrade before its first write.
 * @param path as `Schema.dump`
 * @param begun when the upgrade began, in milliseconds since the epoch: one that failed goes on with its dump of then
 * @returns the dump, in a sentence
 * @throws KitError exit 3 when there is none, it is empty or no dump, or it is older than a day
 */
export async function requireDump(
  { module, env, schema }: { module: Module; env: string; schema: Schema },
  path: string,
  begun: number,
): Promise<string> {
  const found = await lookAtDump(join(root, path))
  const tooOld = typeof found !== 'string' && begun - found.madeAt.getTime() > mostHours * 3_600_000
  if (typeof found !== 'string' && !tooOld)
    return `${path}, ${found.bytes} bytes, made ${timeOf(found.madeAt)}`
  const wrong =
    typeof found === 'string' ? found : `was made ${timeOf(found.madeAt)}, over ${mostHours} hours ago`
  throw new KitError(`${path} ${wrong}`, {
    exitCode: exitCodes.preflight,
    details: [
      `An upgrade of ${headingOf(module)} migrates its database: only a dump leads back. ${written()}`,
      'To be typed in the kit’s folder:',
      ...schema.backup.map((line) => `    ${line}`),
    ],
    hint: `make the dump, then ${masterCommand(module.number, env, '--upgrade')}`,
  })
}

/**
 * The dump that leads back to a revision, in sentences: before when it was made, and whether the one that is there was.
 * @param all revisions of the module, oldest first
 */
export async function dumpBefore(
  target: Revision,
  all: readonly Revision[],
  { dump }: Schema,
): Promise<string[]> {
  const moved = all.find(
    ({ number, state, schema }) =>
      number > target.number && (state === 'pending' || (schema !== undefined && schema !== target.schema)),
  )
  const before =
    moved === undefined
      ? 'the upgrade'
      : `${shortTime(moved.when)} UTC, when revision ${moved.number} moved the schema`
  const wanted = `The way back is a dump made before ${before}:`
  if (dump === undefined) return [wanted]
  const found = await lookAtDump(join(root, dump))
  if (typeof found === 'string') return [`${dump} ${found}`, wanted]
  const late = moved !== undefined && found.madeAt.getTime() > Date.parse(moved.when)
  return [
    `${dump} was made ${timeOf(found.madeAt)}${late ? ': after that, look for an earlier one' : ''}`,
    wanted,
  ]
}

const timeOf = (at: Date): string => `${shortTime(at.toISOString())} UTC`
