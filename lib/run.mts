import { readArguments, type Arguments, type Program } from './arguments.mts'
import { exitCodes, KitError, messageOf, type ExitCode } from './errors.mts'
import { helpText } from './flags.mjs'
import { interruption } from './interrupt.mts'
import { log, logPath, print, record, say, surviveClosedOutput } from './log.mts'

/**
 * Runs a program of the kit: its command line, signals, the only catch, the only exit code.
 * @param body does the work and gives the exit code of a run that did not fail
 */
export function startProgram(
  program: Program,
  usage: string,
  body: (given: Arguments & { program: Program }) => Promise<ExitCode>,
): void {
  surviveClosedOutput()
  interruption.listen()
  void main(program, usage, body).then((code) => {
    process.exitCode = code
  })
}

async function main(
  program: Program,
  usage: string,
  body: Parameters<typeof startProgram>[2],
): Promise<ExitCode> {
  // The file that called us is still being evaluated: its last constants must exist before its step runs.
  await Promise.resolve()
  try {
    const given = readArguments(program, process.argv.slice(2))
    if (given.help) {
      print(helpText(program, usage))
      return exitCodes.done
    }
    return await body({ ...given, program })
  } catch (thrown) {
    return explain(thrown)
  } finally {
    const path = logPath()
    if (path !== undefined) say(`  log       ${path}`)
  }
}

/** Says what failed, where, and what to do next; the stack goes to the log only. */
export function explain(thrown: unknown): ExitCode {
  if (thrown instanceof KitError) {
    log.fail(`${thrown.message}   exit ${thrown.exitCode}`, [
      ...thrown.details,
      ...(thrown.hint === undefined ? [] : [`next: ${thrown.hint}`]),
    ])
    recordQuietly(thrown)
    return thrown.exitCode
  }
  log.fail(`a bug of the kit: ${messageOf(thrown)}   exit ${exitCodes.bug}`, [
    ...(logPath() === undefined && thrown instanceof Error
      ? (thrown.stack ?? '').split('\n').slice(1, 5)
      : []),
    'next: run the same command again; if it stays, keep the log and report it',
  ])
  recordQuietly(thrown)
  return exitCodes.bug
}

/** The whole chain of causes into the log; a log that cannot be written must not hide the error. */
function recordQuietly(thrown: unknown): void {
  for (let one = thrown; one instanceof Error; one = one.cause) {
    try {
      record(one.stack ?? one.message)
    } catch (failure) {
      say(`  ! ${messageOf(failure)}`)
      return
    }
  }
}
