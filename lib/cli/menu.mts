import { lookAtModules, overviewLines, type ModuleState } from './overview.mts'
import { say } from '../base/log.mts'
import { prompt } from '../base/prompt.mts'
import { modules } from '../../scripts/modules.mjs'

/** An entry of the menu, and the command line it is equivalent to. */
interface Choice {
  readonly label: string
  readonly words: readonly string[]
}

/**
 * Shows every module with its state and asks what to do.
 * @returns the command line of the chosen run, or undefined for nothing
 * @throws Cancelled (130) at Ctrl-C or Escape, KitError exit 143 on SIGTERM or SIGHUP; exit 2, 3 or 5 to 9, see
 *   lookAtModules
 */
export async function askWhatToDo(env: string): Promise<readonly string[] | undefined> {
  const overview = await lookAtModules(env, modules)
  say(
    `KeyBuzz   ${env}   ${overview.cluster === undefined ? 'no cluster yet' : `cluster ${overview.cluster}`}`,
  )
  for (const line of overviewLines(overview)) say(`  ${line}`)
  const first = await choose('What now?', [
    ...overview.modules.flatMap(suggestionOf),
    { label: 'Install everything that is missing', words: ['--all'] },
    { label: 'Something else', words: ['else'] },
    { label: 'Nothing', words: [] },
  ])
  if (first[0] !== 'else') return first.length === 0 ? undefined : first
  const number = await choose(
    'Which module?',
    overview.modules.map((one) => ({ label: nameOf(one), words: ['--module', String(one.number)] })),
  )
  return [...number, ...(await choose('What?', verbs))]
}

const verbs: readonly Choice[] = [
  { label: 'Install or repair', words: [] },
  { label: 'Show what an install would change', words: ['--plan'] },
  { label: 'Run its checks', words: ['--verify'] },
  { label: 'Show its state', words: ['--status'] },
  { label: 'Upgrade to the versions in versions.json', words: ['--upgrade'] },
  { label: 'Go back to the revision before', words: ['--rollback'] },
  { label: 'Run its drills', words: ['--drill'] },
  { label: 'Uninstall it', words: ['--uninstall'] },
]

/** The most urgent action for a module, if any. */
function suggestionOf(one: ModuleState): Choice[] {
  const words = ['--module', String(one.number)]
  const { revision, inFullRun } = one
  const failed = revision?.tested?.failed ?? 0
  if (revision?.state === 'pending') return [{ label: `Finish ${nameOf(one)}: its last run did not`, words }]
  if (failed > 0) return [{ label: `Repair ${nameOf(one)} (${failed} failed checks)`, words }]
  if (revision === undefined || revision.state === 'uninstalled')
    return inFullRun === 'optional' ? [] : [{ label: `Install ${nameOf(one)}`, words }]
  return []
}

const nameOf = ({ number, title }: ModuleState): string => `${number} ${title}`

async function choose(message: string, choices: readonly Choice[]): Promise<readonly string[]> {
  const picked = await prompt.choose(
    message,
    choices.map(({ label }, at) => ({ value: String(at), label })),
  )
  return choices[Number(picked)]?.words ?? []
}
