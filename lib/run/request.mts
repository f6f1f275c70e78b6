/** The kind of program that was started: each accepts different flags. */
export type Program = 'master' | 'apply_all' | 'step'

/** The action of a run on a module. */
export type Verb = 'install' | 'verify' | 'drill' | 'status' | 'rollback' | 'uninstall'

/** The command line of one run, checked. Keys are the flags' names. */
export interface Arguments {
  readonly verb: Verb
  readonly module?: string
  readonly skip?: string
  readonly from?: string
  readonly env?: string
  /** Host names in --limit. */
  readonly limit?: readonly string[]
  readonly answers?: string
  readonly confirm: readonly string[]
  readonly set: readonly string[]
  /** The revision number in --rollback; undefined without one. */
  readonly revision?: number
  readonly all: boolean
  readonly plan: boolean
  readonly offline: boolean
  readonly upgrade: boolean
  readonly forceConflicts: boolean
  readonly wait: boolean
  readonly yes: boolean
  readonly noInput: boolean
  readonly json: boolean
  readonly help: boolean
}

/** True for a run that writes nothing: --plan or --status. */
export const onlyLooks = ({ plan, verb }: Pick<Arguments, 'plan' | 'verb'>): boolean =>
  plan || verb === 'status'
