import type { KitError } from '../base/errors.mts'
import type { Outcome } from './checks.mts'

// Pure: which failures have the same cause. A database that refuses logins fails every check of its application, each
// with a fix that does not help: the cause is reported first, and the failures it hides are reported as not asked.

/** Begins the evidence of a check that a cause hides. */
const notAsked = 'not asked'

/** The id and title of a cause that no check has reported itself. */
const own = { id: 'backends', title: 'The backends of the application answer' }

/**
 * Puts causes before the checks they hide.
 * @param outcomes of all checks, in their order
 * @param causes errors of the backends that were logged in to because a check failed: the first one hides every failure
 *   without a cause of its own
 */
export function withCauses(outcomes: readonly Outcome[], causes: readonly KitError[]): Outcome[] {
  if (outcomes.every(({ result }) => result !== 'failed')) return [...outcomes]
  const known = causes.map(({ message }) => message)
  const met = new Set(outcomes.flatMap(({ cause }) => cause ?? []))
  const added = causes.filter(({ message }) => !met.has(message)).map(outcomeOf)
  const firstOf = new Map<string, string>(added.map(({ cause = '', id }) => [cause, id]))
  return [
    ...added,
    ...outcomes.map((one): Outcome => {
      if (one.result !== 'failed') return one
      if (one.cause !== undefined && !firstOf.has(one.cause)) {
        firstOf.set(one.cause, one.id)
        return one
      }
      const hidden = one.cause ?? known[0]
      return hidden === undefined ? one : hide(one, hidden)
    }),
  ]
}

const outcomeOf = ({ message, details, hint = 'as the message says' }: KitError): Outcome => ({
  ...own,
  result: 'failed',
  evidence: [message, ...details].join('; '),
  fix: hint,
  cause: message,
  milliseconds: 0,
})

const hide = (one: Outcome, cause: string): Outcome => ({
  ...one,
  hiddenBy: cause,
  evidence: one.cause === cause ? `${notAsked}: ${cause}` : `${notAsked}: ${cause}; seen: ${one.evidence}`,
})

/** The failures an operator has to repair: those that no cause hides. */
export const visible = (failures: readonly Outcome[]): Outcome[] =>
  failures.filter(({ hiddenBy }) => hiddenBy === undefined)

/** `not asked: n8n.login, n8n.push`, or nothing. */
export function hiddenLine(failures: readonly Outcome[]): string[] {
  const ids = failures.flatMap(({ id, hiddenBy }) => (hiddenBy === undefined ? [] : [id]))
  return ids.length === 0 ? [] : [`${notAsked}, because of that: ${ids.join(', ')}`]
}
