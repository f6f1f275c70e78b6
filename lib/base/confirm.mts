import { exitCodes, KitError } from './errors.mts'
import { prompt } from './prompt.mts'
import { written } from './written.mts'

/** The options of the command line that answer questions. */
export interface Answers {
  /** Names given by --confirm. */
  readonly confirm: readonly string[]
  /** --yes: answers every confirmation, except those that need a name typed. */
  readonly yes: boolean
  /** The run has a terminal on stdin and stderr, and may ask. */
  readonly canAsk: boolean
}

/**
 * Requires the name of a protected environment to be typed, or given by --confirm; `--yes` never confirms this (DESIGN
 * section 5).
 * @throws KitError as confirmName
 */
export async function confirmProtected(
  env: string,
  { isProtected }: { isProtected: () => boolean },
  answers: Answers,
): Promise<void> {
  if (isProtected()) await confirmName(env, `${env} is protected`, answers)
}

/**
 * Requires a name to be typed, or given by --confirm, before something that cannot be undone.
 * @param why one sentence without a full stop: what is about to happen
 * @throws KitError exit 2 when another name is typed or given by --confirm, or there is neither --confirm nor a
 * terminal; Cancelled (130) at Ctrl-C or Escape; KitError exit 143 on SIGTERM or SIGHUP
 */
export async function confirmName(name: string, why: string, { confirm, canAsk }: Answers): Promise<void> {
  if (confirm.includes(name)) return
  const asking = canAsk && confirm.length === 0
  const typed = asking
    ? await prompt.text(`${why}. Type ${name} to go on`, { validate: () => undefined })
    : confirm.join(', ')
  if (typed === name) return
  throw new KitError(`${why}: its name ${typed === '' ? 'was not typed' : `was not "${typed}"`}`, {
    exitCode: exitCodes.usage,
    details: [written()],
    hint: `add --confirm ${name}`,
  })
}

/**
 * Asks a yes or no question, unless --yes is given.
 * @throws KitError exit 2 when there is neither --yes nor a terminal, or the answer is no; Cancelled (130) at Ctrl-C or
 * Escape; KitError exit 143 on SIGTERM or SIGHUP
 */
export async function confirmYes(question: string, { yes, canAsk }: Answers): Promise<void> {
  if (yes || (canAsk && (await prompt.confirm(question)))) return
  throw new KitError(
    canAsk ? 'cancelled: not confirmed' : `${question} Confirmation is needed and there is no terminal.`,
    {
      exitCode: exitCodes.usage,
      details: [written()],
      ...(canAsk ? {} : { hint: 'add --yes' }),
    },
  )
}
