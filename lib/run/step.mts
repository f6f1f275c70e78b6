import type { Context } from './context.mts'
import type { Module } from './module.mts'

/** One step of a module, as data. */
export interface Step<M extends Module = Module> {
  readonly module: M
  /** The file's name without ending: `12_n8n_01_deploy`. */
  readonly name: string
  /** Its part behind the module's: `01_deploy`. Objects carry it as a label. */
  readonly id: string
  readonly title: string
  readonly run: (context: Context<M>) => Promise<void>
}

/** Step 00: the one that only looks after settings. */
export const isCredentials = ({ id }: Pick<Step, 'id'>): boolean => id.startsWith('00_')

/** The last step: checks and report. */
export const isTests = ({ id }: Pick<Step, 'id'>): boolean => /^\d\d_(tests|final_validation)$/.test(id)
