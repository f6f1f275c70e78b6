import { KitError, type ExitCode } from '../../../lib/base/errors.mts'

/**
 * The result of a request, or undefined when its KitError has one of these exit codes, which mean that it cannot be
 * had.
 * @throws any other error of `asked`: a lost connection or a signal does not mean that
 */
export const orUndefined = <T,>(asked: Promise<T>, ...exits: readonly ExitCode[]): Promise<T | undefined> =>
  asked.catch((thrown: unknown) => {
    if (thrown instanceof KitError && exits.includes(thrown.exitCode)) return undefined
    throw thrown
  })
