import { KitError, type ExitCode } from '../../../lib/base/errors.mts'

/**
 * What was asked for, or undefined where the error says that it cannot be had. Any other is thrown on: a link that is
 * lost and Ctrl-C say nothing of it.
 * @param exits the exit codes of errors that say so
 */
export const orUndefined = <T,>(asked: Promise<T>, ...exits: readonly ExitCode[]): Promise<T | undefined> =>
  asked.catch((thrown: unknown) => {
    if (thrown instanceof KitError && exits.includes(thrown.exitCode)) return undefined
    throw thrown
  })
