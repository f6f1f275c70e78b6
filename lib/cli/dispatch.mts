import type { Arguments, Program } from '../run/request.mts'
import { chooseEnvironment } from '../settings/credentials.mts'
import { exitCodes, KitError, type ExitCode } from '../base/errors.mts'
import { openLog } from '../base/log.mts'
import { folderOf, headingOf } from '../base/names.mts'
import type { Module } from '../run/module.mts'
import type { Session } from '../run/session.mts'
import type { Step } from '../run/step.mts'

// Modules are imported only when a run needs them: the clients of PostgreSQL and Redis alone take 0.2 s to load.

/**
 * Runs a verb on the steps of a module: all of them in order, its tests alone, one step, or another verb.
 * @param steps in order: all of the module, or a single one
 * @returns 0, or 4 when a plan found changes
 * @throws KitError exit 2 for a flag that does not fit, exit 12 when the log cannot be written, else the exit code of
 *   the session (openSession) or of the verb
 */
export async function runSteps<M extends Module>(
  module: M,
  steps: readonly Step<M>[],
  options: Arguments & { program: Program },
): Promise<ExitCode> {
  const env = chooseEnvironment(options.env)
  requireInputsSaved(steps, options)
  requireHosts(module, options)
  if (options.offline)
    return (await import('../verbs/plan-offline.mts')).planOffline(module, steps, env, options)
  if (!options.plan && options.verb !== 'status') openLog(env, folderOf(module))
  const withoutCluster = options.verb === 'install' && steps.every(({ kind }) => kind === 'credentials')
  const { openSession } = await import('../run/session.mts')
  const validates = steps.some(({ kind }) => kind === 'tests')
  const session = await openSession(module, env, options, { withoutCluster, validates })
  try {
    if (options.verb === 'drill') await confirmDrill(session)
    const act = await actions[options.verb]()
    await act(session, steps)
    return options.plan ? (await import('../verbs/summary.mts')).finishPlan(session) : exitCodes.done
  } finally {
    await session.close()
  }
}

type Action = <M extends Module>(session: Session<M>, steps: readonly Step<M>[]) => Promise<void>

const install = async (): Promise<Action> => (await import('../verbs/install.mts')).install

/** The tests step alone: checks, and with --drill the drills. */
async function tests(): Promise<Action> {
  const run = await install()
  return (session, steps) => run(session, steps.slice(-1))
}

/** The action of each verb, for an open session. */
const actions: Readonly<Record<Arguments['verb'], () => Promise<Action>>> = {
  install,
  verify: tests,
  drill: tests,
  status: async () => (await import('../verbs/status.mts')).showStatus,
  rollback: async () => (await import('../verbs/rollback.mts')).rollBack,
  uninstall: async () => (await import('../verbs/uninstall.mts')).uninstall,
}

async function confirmDrill<M extends Module>({ module, answers }: Session<M>): Promise<void> {
  const { confirmName } = await import('../base/confirm.mts')
  await confirmName(module.slug, `Drills break ${headingOf(module)} on purpose for a while`, answers)
}

/** --limit needs a module that works on hosts. @throws KitError exit 2 */
function requireHosts(module: Module, { limit }: Arguments): void {
  if (limit === undefined || module.machines !== undefined) return
  throw new KitError(`${headingOf(module)} works on no hosts: --limit means nothing to it`, {
    exitCode: exitCodes.usage,
    hint: 'leave --limit out, or name with --module a module that works on hosts',
  })
}

/** --set and --answers would be lost after a single step: only the first one saves settings. @throws KitError exit 2 */
function requireInputsSaved<M extends Module>(
  steps: readonly Step<M>[],
  options: Arguments & { program: Program },
): void {
  const [first] = steps
  if (options.set.length === 0 && options.answers === undefined) return
  const saves = options.program !== 'step' || first?.kind === 'credentials'
  if (options.verb === 'install' && saves) return
  throw new KitError('this run does not save settings', {
    exitCode: exitCodes.usage,
    hint: `give --set and --answers to ${first === undefined ? 'step 00' : `${folderOf(first.module)}_00_setup_credentials`}, or to an install`,
  })
}
