/** The exit codes of the kit's programs (DESIGN section 5). */
export const exitCodes = {
  done: 0,
  bug: 1,
  usage: 2,
  preflight: 3,
  changesPending: 4,
  conflict: 5,
  unreachable: 6,
  trust: 7,
  denied: 8,
  rolloutFailed: 9,
  validationFailed: 10,
  locked: 11,
  localDisk: 12,
  interrupted: 130,
  terminated: 143,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The properties of a KitError other than its message. */
export interface KitErrorOptions {
  exitCode: ExitCode
  /** Where it happened, quoted from the program or server: one line each, shown under the message. */
  details?: readonly string[]
  /** What to type or do next. */
  hint?: string
  cause?: unknown
}

/** An error an operator can act on: what failed, where, what to do next. Anything else is a bug of the kit. */
export class KitError extends Error {
  readonly exitCode: ExitCode
  readonly details: readonly string[]
  readonly hint: string | undefined

  constructor(what: string, { exitCode, details = [], hint, cause }: KitErrorOptions) {
    super(what, cause === undefined ? undefined : { cause })
    this.name = 'KitError'
    this.exitCode = exitCode
    this.details = details
    this.hint = hint
  }
}

/** Exit 130: the operator pressed Ctrl-C, at a prompt or during work. */
export class Cancelled extends KitError {
  constructor(what = 'interrupted', cause?: unknown) {
    super(what, { exitCode: exitCodes.interrupted, cause })
    this.name = 'Cancelled'
  }
}

/** True for the error of Ctrl-C or a signal (exit 130 or 143): it ends the run, whatever was going on. */
export const isInterruption = (thrown: unknown): boolean =>
  thrown instanceof KitError &&
  (thrown.exitCode === exitCodes.interrupted || thrown.exitCode === exitCodes.terminated)

/**
 * A handler for `catch` that makes a value of every error but an interruption: `.catch(unlessInterrupted(() => ''))`.
 * @param instead gives the value
 * @returns a function of what was thrown. It throws an interruption (exit 130 or 143) again
 */
export const unlessInterrupted =
  <T,>(instead: (thrown: unknown) => T) =>
  (thrown: unknown): T => {
    if (isInterruption(thrown)) throw thrown
    return instead(thrown)
  }

/** Thrown by a reader under --plan when what it reads only exists after an earlier planned write. Not a KitError. */
export class NotYet extends Error {
  readonly after: string

  constructor(after: string) {
    super(`known after ${after}`)
    this.name = 'NotYet'
    this.after = after
  }
}

/** The message of anything that was thrown. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown)

/** As messageOf, followed by the details of a KitError, in one line. */
export const wordsOf = (thrown: unknown): string =>
  [messageOf(thrown), ...(thrown instanceof KitError ? thrown.details : [])].join('; ')

/** True when `thrown` is a Node system error with one of these codes, e.g. `ENOENT`. */
export const hasCode = (thrown: unknown, ...codes: string[]): boolean =>
  thrown instanceof Error && 'code' in thrown && codes.includes(String(thrown.code))
