import { realpathSync } from 'node:fs'
import { basename } from 'node:path'
import type { ContextOf } from '../run/context.mts'
import { folderOf } from '../base/names.mts'
import type { ChecksOf, DrillsOf, Module } from '../run/module.mts'
import { startProgram } from './program.mts'
import { runSteps } from './dispatch.mts'
import type { Step } from '../run/step.mts'

// A step is declared by the last statement of its file, and runs when that file is the started program.

/**
 * Declares an apply step: idempotent, it installs a part of its module.
 * @param meta import.meta of the step's file, whose name is the step's name
 * @param title short sentence for an operator: `Deploy n8n`
 */
export const step = <const M extends Module>(
  meta: ImportMeta,
  module: M,
  title: string,
  run: (context: ContextOf<M>) => Promise<void>,
): Step<M> => declared(meta, { module, kind: 'apply', title, run })

/**
 * Declares the first step: it completes the module's settings, and tries its backends with typed answers.
 * @param prove tests the settings against a server that is not one of lib/backends; it writes nothing
 */
export const credentialsStep = <const M extends Module>(
  meta: ImportMeta,
  module: M,
  title: string,
  prove: (context: ContextOf<M>) => Promise<void> = () => Promise.resolve(),
): Step<M> =>
  declared(meta, {
    module,
    kind: 'credentials',
    title,
    async run(context) {
      await context.credentials.ensure()
      await prove(context)
    },
  })

/**
 * Declares the last step: checks, with --drill the drills, and the report.
 * @param checks imports the module's checks, when the step runs
 * @param drills imports the module's drills, when the step runs
 */
export const testsStep = <const M extends Module>(
  meta: ImportMeta,
  module: M,
  title: string,
  checks: () => Promise<{ readonly checks: ChecksOf<M> }>,
  drills: (context: ContextOf<M>) => Promise<{ readonly drills: DrillsOf<M> }> = noDrills,
): Step<M> =>
  declared(meta, {
    module,
    kind: 'tests',
    title,
    run: (context) => context.tests.run(checks, () => drills(context)),
  })

const noDrills = () => Promise.resolve({ drills: [] })

function declared<M extends Module>(meta: ImportMeta, parts: Omit<Step<M>, 'name' | 'id'>): Step<M> {
  const { module, title } = parts
  const name = basename(meta.filename, '.mts')
  const one: Step<M> = { ...parts, name, id: name.slice(folderOf(module).length + 1) }
  if (isProgram(meta))
    startProgram('step', usageOf(name, title), (options) => runSteps(module, [one], options))
  return one
}

/**
 * Declares the steps of a module in their order, and runs them when this file is the started program.
 * @param meta import.meta of the apply_all file
 * @param steps the credentials step first, the tests step last: `--verify` runs the last one alone
 */
export function sequence<const M extends Module>(
  meta: ImportMeta,
  module: M,
  steps: readonly Step<M>[],
): readonly Step<M>[] {
  const name = basename(meta.filename, '.mts')
  const title = `Install ${module.number} ${module.title}: ${steps.map(({ id }) => id).join(', ')}`
  if (isProgram(meta))
    startProgram('apply_all', usageOf(name, title), (options) => runSteps(module, steps, options))
  return steps
}

const usageOf = (name: string, title: string): string => `${name}.mts [flags]\n${title}`

/** True when `meta`'s file is the started program; symlinks and tsx make import.meta.main unusable (Node 20). */
const isProgram = (meta: ImportMeta): boolean =>
  process.argv[1] !== undefined && meta.filename === realpathSync(process.argv[1])
