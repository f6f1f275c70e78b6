import type { Arguments, Program } from './arguments.mts'
import { chooseEnvironment } from './credentials.mts'
import { exitCodes, KitError, NotYet, type ExitCode } from './errors.mts'
import { log, openLog, print, say } from './log.mts'
import { folderOf, headingOf, type Module } from './module.mts'
import { planOffline } from './offline.mts'
import { planText } from './plan.mts'
import { openSession, type Session } from './session.mts'
import type { Step } from './step.mts'

/**
 * Runs the steps of a module, in order: the whole of it, its tests alone, or one step.
 * @returns 0, or 4 when a plan found changes
 * @throws KitError with the exit code of what failed
 */
export async function runSteps<M extends Module>(
  module: M,
  steps: readonly Step<M>[],
  given: Arguments & { program: Program },
): Promise<ExitCode> {
  const env = chooseEnvironment(given.env)
  const chosen = given.verify ? steps.slice(-1) : steps
  requireInputsSaved(chosen, given)
  if (given.offline) return planOffline(module, chosen, env, given)
  if (!given.plan) openLog(env, folderOf(module))
  const started = performance.now()
  const session = await openSession(module, env, given, { withoutCluster: chosen.every(isCredentials) })
  try {
    for (const step of chosen) {
      if (step === steps.at(-1)) await session.settle()
      await runOne(session, step, given.plan)
    }
    if (given.plan) return finishPlan(session, module)
    await session.settle()
    if (given.program === 'step') log.done(chosen[0]?.name ?? '', started)
    else {
      log.done(`${headingOf(module)}, ${session.revisionText()}`, started)
      showInformation(session)
    }
    return exitCodes.done
  } finally {
    await session.close()
  }
}

/** Inputs of a single step would be used and forgotten: only the first step saves them. */
function requireInputsSaved<M extends Module>(
  chosen: readonly Step<M>[],
  given: Arguments & { program: Program },
): void {
  const [first] = chosen
  if (given.set.length === 0 && given.answers === undefined) return
  if (given.program !== 'step' || (first !== undefined && isCredentials(first))) return
  throw new KitError('a single step does not save settings', {
    exitCode: exitCodes.usage,
    hint: `give --set and --answers to ${first === undefined ? 'step 00' : `${folderOf(first.module)}_00_setup_credentials`}, or to apply_all`,
  })
}

/** Step 00: the one that only looks after settings. */
const isCredentials = ({ id }: { id: string }): boolean => id.startsWith('00_')

async function runOne<M extends Module>(
  session: Session<M>,
  step: Step<M>,
  planning: boolean,
): Promise<void> {
  log.title(step.name)
  session.enter(step.id)
  try {
    await step.run(session.context)
    await session.leave()
  } catch (thrown) {
    if (!(thrown instanceof NotYet && planning)) throw thrown
    session.note({ sign: '!', what: `${step.name}: ${thrown.message}` })
  }
}

function finishPlan<M extends Module>(session: Session<M>, module: M): ExitCode {
  const { changes } = session
  const heading = `${headingOf(module)}   ${session.env}   ${session.revisionText()}`
  print(planText(heading, changes, session.unchanged()))
  return changes.length === 0 ? exitCodes.done : exitCodes.changesPending
}

/** Addresses, accounts, where the secrets are, what to do next. */
function showInformation<M extends Module>(session: Session<M>): void {
  const lines = session.information()
  if (lines.length > 0) say('')
  for (const [label, text] of lines) say(`  ${label.padEnd(9)} ${text}`)
}
