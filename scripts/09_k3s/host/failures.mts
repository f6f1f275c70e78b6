import { exitCodes, KitError, type ExitCode } from '../../../lib/base/errors.mts'
import { interruption } from '../../../lib/base/signals.mts'

/** Exit codes of errors that end the whole run: the gate of writes, a signal. None says anything about one host. */
const ofTheRun: readonly ExitCode[] = [
  exitCodes.usage,
  exitCodes.locked,
  exitCodes.localDisk,
  exitCodes.interrupted,
  exitCodes.terminated,
]

/**
 * The errors of hosts that were worked on in parallel.
 * @returns one for each host that failed
 * @throws what ends the whole run: exit 130 or 143 on a signal, KitError exit 2, 11 or 12 of the gate (Writes.make),
 *   an error that is not a KitError
 */
export function failuresOf(ended: readonly PromiseSettledResult<unknown>[]): KitError[] {
  interruption.throwIfAsked()
  const thrown = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
  const failures = thrown.filter((one) => one instanceof KitError)
  const ending = failures.find(({ exitCode }) => ofTheRun.includes(exitCode))
  if (ending !== undefined) throw ending
  if (failures.length < thrown.length) throw thrown.find((one) => !(one instanceof KitError))
  return failures
}
