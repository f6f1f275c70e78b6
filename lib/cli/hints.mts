import { exitCodes, KitError, messageOf, type ExitCode } from '../base/errors.mts'
import { log, logPath, record } from '../base/log.mts'

/**
 * Prints what failed, where, and the `next:` line; the stack and those of all causes go to the log.
 * @returns the error's exit code, 1 for a bug of the kit
 */
export function printFailure(thrown: unknown): ExitCode {
  const code = thrown instanceof KitError ? printError(thrown) : printBug(thrown)
  recordCauses(thrown)
  return code
}

function printError(thrown: KitError): ExitCode {
  log.fail(`${thrown.message}   exit ${thrown.exitCode}`, [
    ...thrown.details,
    ...(thrown.hint === undefined ? [] : [`next: ${thrown.hint}`]),
  ])
  return thrown.exitCode
}

function printBug(thrown: unknown): ExitCode {
  // Where a log is open it holds the stack.
  const stack = logPath() === undefined && thrown instanceof Error ? (thrown.stack ?? '') : ''
  log.fail(`a bug of the kit: ${messageOf(thrown)}   exit ${exitCodes.bug}`, [
    ...stack.split('\n').slice(1, 5),
    'next: run the same command again; if it stays, keep the log and report it',
  ])
  return exitCodes.bug
}

function recordCauses(thrown: unknown): void {
  for (let one = thrown; one instanceof Error; one = one.cause) record(one.stack ?? one.message)
}
