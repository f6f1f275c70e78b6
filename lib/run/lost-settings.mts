import { exitCodes, KitError } from '../base/errors.mts'
import { say } from '../base/log.mts'
import { headingOf, masterCommand } from '../base/names.mts'
import { prompt } from '../base/prompt.mts'
import { shownWords } from '../base/command.mts'
import { written } from '../base/written.mts'
import { fileOf } from '../settings/credentials.mts'
import type { LostSetting } from '../settings/recorded.mts'
import { adoptableValues } from './adoptable.mts'
import type { Module } from './module.mts'
import type { Session } from './session.mts'

/**
 * Requires the settings the last revision was made with, before anything is written: a settings file that was lost or
 * shortened would change the cluster without a message. On a terminal, asks whether the values of the revision are used
 * again; under --plan, notes them. Revisions of older kits have no record: nothing is compared then.
 * @returns true when the values of the last revision are used again, and are to be saved
 * @throws KitError exit 5 naming them when there is no terminal; exit 3 or 5 to 9 from kubectl; Cancelled (130) or exit
 *   143 at the question
 */
export async function requireKeptSettings<M extends Module>(session: Session<M>): Promise<boolean> {
  const { opened, inputs, module, env, answers, writes } = session
  const current = opened?.revisions.current
  if (opened === undefined || current?.madeWith === undefined) return false
  const { values: live } = await adoptableValues(session, opened)
  const lost = inputs.lost(current.madeWith, live)
  if (lost.length === 0) return false
  const lines = lost.map((one) => lineOf(env, module, one))
  if (writes.planning) {
    writes.note({ sign: '!', what: titleOf(module, current.number, lost), fields: lines })
    inputs.accept(lost)
    return false
  }
  if (!answers.canAsk) throw lostError(session, current.number, lost, lines)
  say(`  ${titleOf(module, current.number, lost)}`)
  for (const line of lines) say(`    ${line}`)
  const choice = await prompt.choose('What shall this run work with?', [
    { value: 'again', label: `the values of revision ${current.number}: they are saved again` },
    { value: 'without', label: 'what would be used without them' },
  ])
  if (choice === 'again') inputs.restore(lost)
  else inputs.accept(lost)
  return choice === 'again'
}

const titleOf = (module: Module, number: number, lost: readonly LostSetting[]): string =>
  `${lost.length} settings of ${headingOf(module)} that revision ${number} was made with have no value any more`

/** `N8N_HOST='n8n.example.com'   credentials/dev/12_n8n.env; without it: not set` */
function lineOf(env: string, module: Module, { setting, before, now }: LostSetting): string {
  const file = fileOf(env, module, setting)
  if (before === undefined) return `${setting.key}, a secret   ${file}; without it: another one is generated`
  return `${setting.key}='${before}'   ${file}; without it: ${now === undefined || now === '' ? 'not set' : `'${now}'`}`
}

function lostError<M extends Module>(
  { module, env }: Session<M>,
  number: number,
  lost: readonly LostSetting[],
  lines: readonly string[],
): KitError {
  const set = lost.flatMap(({ setting, before }) =>
    before === undefined ? [] : ['--set', `${setting.key}=${before}`],
  )
  const flags = set.length === 0 ? [] : [shownWords(set)]
  const hint =
    set.length === 0
      ? 'put these files back from your backup, then run the same command again'
      : `put these lines back into the files, or save them by: ${masterCommand(module.number, env, ...flags)}`
  return new KitError(titleOf(module, number, lost), {
    exitCode: exitCodes.conflict,
    details: [
      ...lines,
      written(),
      'One that is no longer wanted gets its new value there, an empty one for none.',
    ],
    hint,
  })
}
