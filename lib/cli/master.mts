import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { readArguments } from './arguments.mts'
import { onlyLooks, type Arguments } from '../run/request.mts'
import { endBackground } from '../base/background.mts'
import { readAnswers } from '../settings/answers.mts'
import { chooseEnvironment } from '../settings/credentials.mts'
import { exitCodes, KitError, type ExitCode } from '../base/errors.mts'
import { root } from '../base/files.mts'
import { interruption } from '../base/signals.mts'
import { say } from '../base/log.mts'
import { folderOf, masterCommand } from '../base/names.mts'
import { interactive } from '../base/terminal.mts'
import { runToItsEnd, startProgram } from './program.mts'
import { inTurns } from '../base/turns.mts'
import { runSteps } from './dispatch.mts'
import type { Step } from '../run/step.mts'
import { earlierModules, selectionOf, selectModules } from './selection.mts'
import { modules } from '../../scripts/modules.mjs'

type Row = (typeof modules)[number]

/** Flags of the master alone, with and without value; every other word is passed on to the modules unchanged. */
const own = { valued: new Set(['--module', '--skip', '--from', '--env']), bare: new Set(['--all']) }

/** Starts the master: runs the selected modules in the table's order. Errors end in `startProgram`. */
export const startMaster = (): void =>
  startProgram('master', '', async (options) => {
    const env = chooseEnvironment(options.env)
    const typed = process.argv.slice(2)
    const askable = interactive(options.noInput)
    if (!askable || withoutEnv(typed).length > 0) return runModules(env, options, typed)
    const { askWhatToDo } = await import('./menu.mts')
    const words = await askWhatToDo(env)
    if (words === undefined) return exitCodes.done
    return runModules(env, readArguments('master', words), words)
  })

/**
 * Runs the selected modules in this process, each with its own log, error and exit code: those that only look at once,
 * the others one after another.
 */
async function runModules(env: string, options: Arguments, typed: readonly string[]): Promise<ExitCode> {
  const selected = await select(env, options)
  const words = ['--env', env, ...passedOn(typed)]
  const ended = await requireEarlierDone(env, options)
  if (ended !== undefined) return ended
  const [only, ...others] = selected
  if (only !== undefined && others.length === 0) return runApplyAll(only, words)
  // What is wrong with the answers is said once, before the first module begins.
  if (options.answers !== undefined) await readAnswers(options.answers)
  const run = (row: Row) => runToItsEnd(() => runApplyAll(row, words))
  if (onlyLooks(options)) {
    // Loaded here alone: a run of one module without a cluster does not need it.
    const { shareConnections } = await import('../kube/cluster.mts')
    shareConnections()
    return firstFailure(
      await inTurns(
        selected.map((row) => () => run(row)),
        isEnded,
      ),
    )
  }
  const codes: ExitCode[] = []
  for (const row of selected) {
    const code = await run(row)
    // The next module begins without what this one left running in the background.
    await endBackground()
    if (isEnded(code)) return code
    // A run that verifies continues with the next module; one that writes stops at the first failure.
    if (code !== exitCodes.done && options.verb !== 'verify') return stoppedAt(row, code)
    codes.push(code)
  }
  return firstFailure(codes)
}

/** The exit code of several modules: that of an interruption, else the first failure, else pending changes. */
function firstFailure(codes: readonly ExitCode[]): ExitCode {
  const failed = codes.filter((code) => code !== exitCodes.done)
  const last = failed.at(-1)
  if (last !== undefined && isEnded(last)) return last
  return failed.find((code) => code !== exitCodes.changesPending) ?? failed[0] ?? exitCodes.done
}

/** True after a module that was interrupted: it has printed its own error, and no other is begun or shown. */
const isEnded = (code: ExitCode): boolean =>
  code === exitCodes.interrupted || code === exitCodes.terminated || interruption.signal.aborted

const programOf = (row: Row): string => join(root, 'scripts', folderOf(row), `${folderOf(row)}_apply_all.mts`)

/** Runs a module's apply_all program with these words in this process: no second process has to start. @throws its error */
async function runApplyAll(row: Row, words: readonly string[]): Promise<ExitCode> {
  const loaded: unknown = await import(pathToFileURL(programOf(row)).href)
  const { default: steps } = loaded as { default: readonly [Step, ...Step[]] }
  return runSteps(steps[0].module, steps, { ...readArguments('apply_all', words), program: 'apply_all' })
}

/** The modules given; for --status all; else a full run's: optional ones if wanted, none whose current revision is a rollback. */
async function select(env: string, options: Arguments): Promise<Row[]> {
  const named = selectionOf(options)
  if (options.module !== undefined || options.verb !== 'install') return selectModules(modules, named)
  const { lookAtModules } = await import('./overview.mts')
  const { modules: states } = await lookAtModules(env, modules)
  const rolledBack = new Map(states.map(({ number, revision }) => [number, revision?.rollbackOf]))
  const selected: Row[] = []
  for (const row of selectModules(modules, { ...named, all: true })) {
    const target = rolledBack.get(row.number)
    if (target !== undefined) {
      say(`! ${row.number} ${row.title} is at a rollback to revision ${target}: left alone`)
      say(`    take it up again: ${masterCommand(row.number, env)}`)
    } else if (row.inFullRun !== 'optional' || options.all || (await isWanted(row, options)))
      selected.push(row)
  }
  return selected
}

async function isWanted(row: Row, options: Arguments): Promise<boolean> {
  if (!interactive(options.noInput) || options.yes) return false
  const { prompt } = await import('../base/prompt.mts')
  return prompt.confirm(`Install ${row.number} ${row.title} too?`)
}

/**
 * --from requires that all required modules before it have no pending changes.
 * @param plan makes the plan of a module and returns its exit code
 * @returns the exit code of a plan that was interrupted (130 or 143); undefined when they are done
 * @throws KitError exit 3
 */
export async function requireEarlierDone(
  env: string,
  options: Pick<Arguments, 'from'>,
  plan = (row: Row) => runToItsEnd(() => runApplyAll(row, ['--env', env, '--plan'])),
): Promise<ExitCode | undefined> {
  if (options.from === undefined) return undefined
  const earlier = earlierModules(modules, options.from).filter(({ inFullRun }) => inFullRun === 'required')
  for (const row of earlier) {
    const code = await plan(row)
    if (code === exitCodes.done) continue
    if (isEnded(code)) return code
    throw new KitError(`module ${row.number} ${row.title} comes before ${options.from} and is not done`, {
      exitCode: exitCodes.preflight,
      details: [
        code === exitCodes.changesPending ? 'its changes are above' : `its plan ended with exit ${code}`,
      ],
      hint: `${masterCommand(row.number, env)}, then --from ${options.from} again`,
    })
  }
  return undefined
}

function stoppedAt({ number }: Row, code: ExitCode): ExitCode {
  say(`✗ stopped at module ${number}: the ones after it were not begun   exit ${code}`)
  return code
}

/** The words without the master's own flags. */
function passedOn(words: readonly string[]): string[] {
  const left: string[] = []
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ''
    const name = word.split('=')[0] ?? ''
    if (own.bare.has(name)) continue
    if (!own.valued.has(name)) left.push(word)
    else if (!word.includes('=')) at += 1
  }
  return left
}

/** The words other than --env and its value: without any, the menu opens. */
const withoutEnv = (words: readonly string[]): string[] =>
  words.filter((word, at) => !word.startsWith('--env') && words[at - 1] !== '--env')
