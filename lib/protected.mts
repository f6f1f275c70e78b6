import { exitCodes, KitError } from './errors.mts'
import { prompt } from './prompt.mts'

/** Environments whose first write in a run wants their name typed. */
const protectedEnvironments = new Set(['prod'])

/**
 * Asks for the name of a protected environment; `--yes` never answers here (DESIGN section 5).
 * @throws KitError exit 2 when nobody can type it, or something else was typed
 */
export async function confirmProtected(
  env: string,
  { confirm, canAsk }: { confirm: string | undefined; canAsk: boolean },
): Promise<void> {
  if (!protectedEnvironments.has(env) || confirm === env) return
  const typed =
    confirm ??
    (canAsk
      ? await prompt.text(`${env} is protected. Type its name to change it`, { validate: () => undefined })
      : undefined)
  if (typed === env) return
  throw new KitError(
    `${env} is protected: its name was not ${typed === undefined ? 'typed' : 'what was typed'}`,
    {
      exitCode: exitCodes.usage,
      details: ['Nothing was written.'],
      hint: `add --confirm ${env}`,
    },
  )
}
