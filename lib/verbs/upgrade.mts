import { confirmYes } from '../base/confirm.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { log, say } from '../base/log.mts'
import { headingOf } from '../base/names.mts'
import type { Module } from '../run/module.mts'
import { requireDump } from './dump.mts'
import { readSchema } from './schema.mts'
import type { Session } from '../run/session.mts'
import { hasDigestAlone, isOlder, withVersion } from '../settings/image-version.mts'
import { written } from '../base/written.mts'

/**
 * Shows, before an upgrade writes anything, the versions, the backup to make and how to go back; then asks. Does
 * nothing without --upgrade or a newer version.
 * @throws KitError exit 2 when it is not confirmed; exit 3 without a cluster, or without the dump that the module
 *   requires; exit 5 when versions.json has an older version; exit 6 to 9 when the last migration cannot be read; exit
 *   130 or 143 at the question
 */
export async function announceUpgrade<M extends Module>(session: Session<M>): Promise<void> {
  const { module, env, options, chosen, inputs, answers, requireOpened } = session
  const { newer } = chosen()
  if (!options.upgrade || newer.length === 0) return
  await requireForward(session)
  say('')
  for (const { name, from, to } of newer) say(`  Upgrade   ${name} ${from} -> ${to}`)
  const schema = module.schema?.(inputs.current())
  if (schema !== undefined) {
    say('  Way back  once the new image has migrated the database, only the backup leads back')
    for (const line of schema.backup) say(`  Back up   ${line}`)
  }
  say('')
  if (options.plan) return
  await confirmYes(`Upgrade ${headingOf(module)} now?`, answers)
  if (schema?.dump === undefined) return
  // After the question: it may wait while the dump is made. An upgrade that failed goes on with the dump it began with.
  const { current } = requireOpened().revisions
  const isBegun = current?.state === 'pending' && newer.some(({ name, to }) => current.images[name] === to)
  const begun = isBegun ? Date.parse(current.when) : Date.now()
  say(`  Dump      ${await requireDump({ module, env, schema }, schema.dump, begun)}`)
}

/**
 * Requires no older image than the one that ran last: it would not run on the migrated schema. An image that a failed
 * upgrade never started does not count: its version may be corrected. One that its digest alone names cannot be compared,
 * which is a warning before the question.
 * @throws KitError exit 5 when versions.json has an older version; exit 3 without a cluster; exit 2 or 6 to 9, see
 *   readSchema
 */
async function requireForward<M extends Module>(session: Session<M>): Promise<void> {
  const { module, inputs, versions, chosen, requireOpened } = session
  if (module.schema?.(inputs.current()) === undefined) return
  const { current, all } = requireOpened().revisions
  const standing = all.findLast(({ state }) => state === 'applied' || state === 'validated')
  const failed = current?.state === 'pending'
  const moved = failed && (await readSchema(session)) !== standing?.schema
  const compared = chosen().newer.map((one) => ({
    ...one,
    ran: failed && !moved ? standing?.images[one.name] : one.from,
  }))
  for (const { name, to, ran } of compared)
    if (ran !== undefined && ran !== to && hasDigestAlone(ran))
      log.warn(
        `${ran} tells no version: whether ${name} ${to} is older was not compared`,
        'compare them by hand; an image that is named by tag and digest, name:VERSION@sha256:..., is compared',
      )
  const back = compared.find(
    ({ name, to, ran }) => ran !== undefined && isOlder(withVersion(to, versions[name]?.version), ran),
  )
  if (back === undefined) return
  throw new KitError(`${back.name} would go back from ${back.from} to ${back.to}`, {
    exitCode: exitCodes.conflict,
    details: [`An older image does not run on the newer schema. ${written()}`],
    hint: 'correct versions.json; the way back to an earlier revision is --rollback',
  })
}
