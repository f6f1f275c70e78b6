import { exitCodes, KitError } from './errors.mts'
import { prompt } from './prompt.mts'

/** What of the command line answers questions. */
export interface Answers {
  /** Names given by --confirm. */
  readonly confirm: readonly string[]
  /** --yes: every confirmation but a name. */
  readonly yes: boolean
  /** Somebody sits at a terminal. */
  readonly canAsk: boolean
}

/**
 * Wants the name of an environment typed when it is protected; `--yes` never answers here (DESIGN section 5).
 * @throws KitError exit 2 when nobody can type it, or something else was typed
 */
export async function confirmProtected(
  env: string,
  { isProtected }: { isProtected: () => boolean },
  answers: Answers,
): Promise<void> {
  if (isProtected()) await confirmName(env, `${env} is protected`, answers)
}

/**
 * Wants a name typed before something that cannot be taken back.
 * @param why one sentence: what is about to happen
 * @throws KitError exit 2 when nobody can type it, or something else was typed
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
    details: ['Nothing was written.'],
    hint: `add --confirm ${name}`,
  })
}

/** Asks a yes or no question. @throws KitError exit 2 when nobody can answer, or the answer is no */
export async function confirmYes(question: string, { yes, canAsk }: Answers): Promise<void> {
  if (yes || (canAsk && (await prompt.confirm(question)))) return
  throw new KitError(
    canAsk ? 'cancelled: not confirmed' : `${question} Confirmation is needed and there is no terminal.`,
    {
      exitCode: exitCodes.usage,
      details: ['Nothing was written.'],
      ...(canAsk ? {} : { hint: 'add --yes' }),
    },
  )
}
