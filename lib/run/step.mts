import type { ContextOf } from './context.mts'
import type { Module } from './module.mts'

/** `credentials` is a module's first step (settings), `tests` its last one; `apply` steps install it in between. */
export type StepKind = 'credentials' | 'apply' | 'tests'

/** One step of a module, as data. */
export interface Step<M extends Module = Module> {
  readonly module: M
  readonly kind: StepKind
  /** The file's name without extension: `12_n8n_01_deploy`. */
  readonly name: string
  /** The name without the module's folder: `01_deploy`. Value of the label keybuzz.io/step. */
  readonly id: string
  readonly title: string
  /** Does what the step is for. @throws KitError exit 2, 3, 5 to 12, 130 or 143; NotYet under --plan */
  readonly run: (context: ContextOf<M>) => Promise<void>
}
