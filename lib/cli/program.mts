import { readArguments } from './arguments.mts'
import { endBackground } from '../base/background.mts'
import type { Arguments, Program } from '../run/request.mts'
import { Cancelled, exitCodes, type ExitCode } from '../base/errors.mts'
import { questions } from '../base/terminal.mts'
import { helpText } from './flags.mjs'
import { printFailure } from './hints.mts'
import { rememberProxyPasswords } from '../base/proxies.mts'
import { interruption } from '../base/signals.mts'
import { forgetBegun, writtenClause } from '../base/written.mts'
import { closeLog, logFailure, logPath, print, record, say, surviveClosedOutput } from '../base/log.mts'

type Body = (options: Arguments & { program: Program }) => Promise<ExitCode>

/**
 * Runs a program of the kit: parses its command line, listens for signals, and sets the exit code. The only `catch` for
 * errors of a run is in this file: never throws.
 * @param usage first lines of its help text
 * @param body does the work and returns the exit code of a run that did not fail
 */
export function startProgram(program: Program, usage: string, body: Body): void {
  surviveClosedOutput()
  rememberProxyPasswords()
  interruption.listen()
  let settled = false
  // Errors of event listeners, which no promise catches: an abrupt end would leave locks and pods behind.
  process.on('uncaughtException', (thrown) => {
    record(`in a listener: ${thrown.stack ?? thrown.message}`)
    if (settled) process.exitCode = printFailure(thrown)
    else interruption.failWith(thrown)
  })
  // The event loop is empty although the run has not ended: its stdin was closed (Ctrl-D) at a question. Node would
  // exit with 0, and the master would continue with the next module.
  process.once('beforeExit', () => {
    if (!settled) process.exitCode = printFailure(unsettled())
  })
  void main(program, usage, body).then((code) => {
    settled = true
    process.exitCode = code
  })
}

const unsettled = (): Error =>
  questions.isOpen()
    ? new Cancelled(`cancelled: the input ended at a question; ${writtenClause()}`)
    : new Error('the run stopped before its end')

async function main(program: Program, usage: string, body: Body): Promise<ExitCode> {
  // The calling module is still being evaluated: its last constants must be initialized before its step runs.
  await Promise.resolve()
  try {
    return await runToItsEnd(async () => {
      const options = readArguments(program, process.argv.slice(2))
      if (!options.help) return body({ ...options, program })
      print(helpText(program, usage))
      return exitCodes.done
    })
  } finally {
    await endBackground()
  }
}

/**
 * Runs one module, or the whole of a program: prints its error and the path of its log, and closes that log. What it
 * has begun to write is forgotten with it. Never throws.
 * @param body does the work and returns the exit code of a run that did not fail
 * @returns that code, or that of the error; exit 12 when its log could not be written to its end
 */
export async function runToItsEnd(body: () => Promise<ExitCode>): Promise<ExitCode> {
  try {
    const code = await body()
    const lost = logFailure()
    return lost === undefined || code !== exitCodes.done ? code : printFailure(lost)
  } catch (thrown) {
    return printFailure(interruption.reasonOf(thrown))
  } finally {
    const path = logPath()
    if (path !== undefined) say(`  log       ${path}`)
    closeLog()
    forgetBegun()
  }
}
