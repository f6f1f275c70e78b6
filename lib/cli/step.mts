import { realpathSync } from 'node:fs'
import { basename } from 'node:path'
import type { Context } from '../run/context.mts'
import { folderOf } from '../base/names.mts'
import type { Module } from '../run/module.mts'
import { startProgram } from './program.mts'
import { runSteps } from './dispatch.mts'
import type { Step } from '../run/step.mts'

/**
 * Declares a step, and runs it when its file is the program. Must be the file's last statement.
 * @param meta import.meta of the step's file, which gives the step its name
 */
export function step<const M extends Module>(
  meta: ImportMeta,
  module: M,
  title: string,
  run: (context: Context<M>) => Promise<void>,
): Step<M> {
  const name = basename(meta.filename, '.mts')
  const one: Step<M> = { module, name, id: name.slice(folderOf(module).length + 1), title, run }
  if (isProgram(meta)) startProgram('step', usageOf(name, title), (given) => runSteps(module, [one], given))
  return one
}

/**
 * Declares the steps of a module in their order, and runs them when this file is the program. The first step
 * is the one that asks for settings, the last one the tests: `--verify` is that one alone.
 */
export function sequence<const M extends Module>(
  meta: ImportMeta,
  module: M,
  steps: readonly Step<M>[],
): readonly Step<M>[] {
  const name = basename(meta.filename, '.mts')
  const title = `Install ${module.number} ${module.title}: ${steps.map(({ id }) => id).join(', ')}`
  if (isProgram(meta))
    startProgram('apply_all', usageOf(name, title), (given) => runSteps(module, steps, given))
  return steps
}

const usageOf = (name: string, title: string): string => `${name}.mts [flags]\n${title}`

/** True when `meta`'s file is what was started; symlinks and tsx make import.meta.main unusable (Node 20). */
const isProgram = (meta: ImportMeta): boolean =>
  process.argv[1] !== undefined && meta.filename === realpathSync(process.argv[1])
