import type { ContextOf } from './context.mts'
import type { Module } from './module.mts'

/** Completes settings, makes the module so, or proves it: a module has one first step, one last step, others between. */
export type StepKind = 'credentials' | 'apply' | 'tests'

/** One step of a module, as data. */
export interface Step<M extends Module = Module> {
  readonly module: M
  readonly kind: StepKind
  /** The file's name without ending: `12_n8n_01_deploy`. */
  readonly name: string
  /** Its part behind the module's: `01_deploy`. Objects carry it as a label. */
  readonly id: string
  readonly title: string
  readonly run: (context: ContextOf<M>) => Promise<void>
}
