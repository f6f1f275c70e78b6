import { exitCodes, type ExitCode } from '../base/errors.mts'
import { log, print, say } from '../base/log.mts'
import { folderOf, headingOf, masterCommand } from '../base/names.mts'
import type { Module } from '../run/module.mts'
import { planText, type PlanDocument } from '../kube/apply/plan-text.mts'
import { denialsOf, newestTarget } from './rollback-target.mts'
import type { RunRevision } from '../state/run-revision.mts'
import type { Session } from '../run/session.mts'
import { isOlder, withVersion } from '../settings/image-version.mts'
import type { Versions } from '../settings/versions.mts'
import { redact } from '../base/sensitive.mts'

/** Prints the changes of a plan. @returns exit code 4 when something would change, else exit code 0 */
export function finishPlan<M extends Module>(session: Session<M>): ExitCode {
  const { module, env, writes, options } = session
  const { opened } = session
  const pending = writes.changes.length > 0
  const number = opened?.revisions.current?.number
  const unchanged = opened?.kube.unchanged ?? 0
  if (options.json) {
    const document: PlanDocument = {
      kind: 'plan',
      module: folderOf(module),
      env,
      cluster: opened?.cluster.name ?? '',
      revision: number ?? null,
      changes: writes.changes.map(({ sign, what, fields = [] }) => ({ sign, what, fields })),
      unchanged,
    }
    print(redact(JSON.stringify(document)))
  } else {
    // Removing hosts from the cluster begins no revision.
    const next = pending && !(options.verb === 'uninstall' && options.limit)
    const heading = `${headingOf(module)}   ${env}   revision ${next ? `${number ?? 0} -> ${(number ?? 0) + 1}` : (number ?? 0)}`
    print(planText(heading, writes.changes, unchanged))
  }
  return pending ? exitCodes.changesPending : exitCodes.done
}

/**
 * Prints the last lines of a run: its revision, and the information screen.
 * @param started of the run, from `performance.now()`
 * @throws KitError exit 2 when settings are missing
 */
export function finishRun<M extends Module>(session: Session<M>, started: number): void {
  const { module, writes, opened } = session
  const current = opened?.revisions.current
  const revision =
    current === undefined
      ? 'no revision yet'
      : writes.changes.length > 0 || current.state === 'adopted'
        ? `revision ${current.number}${current.state === 'adopted' ? ', adopted' : ''}`
        : `nothing to do, revision ${current.number} is current`
  log.done(`${headingOf(module)}, ${revision}`, started)
  const lines = informationLines(session)
  if (lines.length > 0) say('')
  for (const [label, text] of lines) say(`  ${label.padEnd(9)} ${text}`)
}

/**
 * The lines of the information screen: addresses, accounts, where secrets are, how to roll back, newer versions.
 * @throws KitError exit 2 when settings are missing
 */
export function informationLines<M extends Module>(
  session: Session<M>,
): (readonly [label: string, text: string])[] {
  const { module, env, options, inputs, versions, writes, chosen, opened } = session
  const undo = writes.changes.length > 0 && opened !== undefined && mayRollBack(opened.revisions, versions)
  return [
    ...(module.information?.(inputs.current()) ?? []),
    ...(undo ? [['Undo', masterCommand(module.number, env, '--rollback')] as const] : []),
    ...(options.upgrade
      ? []
      : chosen().newer.map(({ name, from, to }) =>
          isOlder(withVersion(to, versions[name]?.version), from)
            ? (['Older', `versions.json has ${name} ${to}, ${from} is installed and stays`] as const)
            : (['Newer', `${name} ${from} -> ${to}: --upgrade`] as const),
        )),
  ]
}

/** True when there is a revision to roll back to that may run, and the database was not migrated since. */
function mayRollBack({ all, current }: RunRevision, versions: Versions): boolean {
  const target = newestTarget(all, current)
  return target !== undefined && target.schema === current?.schema && denialsOf(target, versions).length === 0
}
