import { exitCodes, KitError, type ExitCode } from '../base/errors.mts'
import { shortened } from '../base/sensitive.mts'
import { written } from '../base/written.mts'
import { serverSays, type Cause, type Refused } from './refused.mts'
import { serverRefusals, type RefusalRow } from './server-refusals.mts'
import { nameOf, type LiveObject } from './types.mts'

// Errors for answers of the API server that are no success.

/** Exit 5: an object was written by another client after it was read. */
export class ObjectModified extends KitError {
  constructor(details: readonly string[]) {
    super('the object was changed by somebody else since it was compared', {
      exitCode: exitCodes.conflict,
      details,
      hint: 'run the same command again; see who else writes to it: kubectl get ... -o yaml --show-managed-fields',
    })
  }
}

/** Exit 5, 6, 8 or 9, see refusalError: the API server has refused a request. */
export class ServerRefusal extends KitError {
  readonly refused: Refused

  constructor(
    message: string,
    { refused, ...options }: ConstructorParameters<typeof KitError>[1] & { readonly refused: Refused },
  ) {
    super(message, options)
    this.refused = refused
  }
}

/**
 * The error for an answer of the API server that is no success.
 * @param words the kubectl command for the same request: `get`, `pods`
 * @param sent the object that was sent
 * @returns ObjectModified (5), or ServerRefusal exit 5 (namespace is being deleted, volume cannot be resized), 6 (may
 * answer again soon), 8 (unauthorized, forbidden, denied by a policy), 9 (all others: quota, webhook without an answer,
 * etcd is full, unknown)
 */
export function refusalError(words: readonly string[], refused: Refused, sent?: unknown): KitError {
  const details = shortened(serverSays(refused), mostWords).trim().split('\n').slice(-mostLines)
  const known = meaningOf(refused, namesIn(sent))
  // A deletion names the uid alone: another one of its name is no object that somebody has changed.
  if (known === undefined && refused.reason === 'Conflict' && words[0] !== 'delete')
    return new ObjectModified(details)
  const { what, exitCode, hint, isAdmission } = known ?? unknownMeaning(words, 1)
  if (isAdmission) details.push(written())
  return new ServerRefusal(what, { refused, exitCode, details, hint })
}

/** Characters of an error that are searched. */
export const mostWords = 20_000

/** Lines of an error that are shown. */
export const mostLines = 4

/** What is told of an error without a known meaning. @param words the command's arguments @param code its exit code */
export const unknownMeaning = (words: readonly string[], code: number): Meaning => ({
  what: `kubectl ${shortWords(words)} failed (exit ${code})`,
  exitCode: exitCodes.rolloutFailed,
  hint: 'the lines above are kubectl’s own; the log has the whole command',
  isAdmission: false,
})

/** The command in two words, what it does and to what: `exec web-1`, `get --raw`. @param words its arguments */
function shortWords([verb = '', ...words]: readonly string[]): string {
  const at = words.indexOf('--namespace')
  const [what = ''] = at === 0 ? words.slice(2) : words
  return `${verb} ${what}`.trim()
}

/** Name and namespace of the object that was sent; nothing when it has none. */
function namesIn(sent: unknown): Sent {
  const one = sent as Partial<LiveObject> | undefined
  if (one?.metadata?.name === undefined) return {}
  return { name: nameOf(one as LiveObject), namespace: one.metadata.namespace }
}

/** What a refusal means: the row that matches it, and where its words did. */
interface Meaning {
  readonly what: string
  readonly exitCode: ExitCode
  readonly hint: string
  readonly isAdmission: boolean
}

/**
 * What a refusal of the API server means.
 * @param sent name and namespace of the object that was sent: a refusal need not name it
 * @returns undefined when its status and words have no known meaning
 */
function meaningOf(refused: Refused, sent: Sent): Meaning | undefined {
  for (const refusal of serverRefusals) {
    const found = matchOf(refusal, refused)
    if (found === undefined) continue
    const { what, exitCode, hint, isAdmission = false } = refusal
    return {
      what: typeof what === 'string' ? what : what(found, refused.object ?? sent.name ?? 'it'),
      exitCode,
      hint: typeof hint === 'string' ? hint : hint(found, sent.namespace ?? ''),
      isAdmission,
    }
  }
  return undefined
}

/** The object that was sent. */
interface Sent {
  readonly name?: string | undefined
  readonly namespace?: string | undefined
}

/** The match of a row's words; one without captures for a row without words. */
function matchOf(
  { statuses, reason, cause, words = /^/ }: RefusalRow,
  refused: Refused,
): RegExpExecArray | undefined {
  if (reason !== undefined && reason !== refused.reason) return undefined
  if (statuses !== undefined && !statuses.includes(refused.status)) return undefined
  if (cause !== undefined && !refused.causes.some((one) => isCause(one, cause))) return undefined
  return words.exec(refused.message) ?? undefined
}

const isCause = (one: Cause, wanted: Cause): boolean =>
  one.reason === wanted.reason && (wanted.field === undefined || one.field === wanted.field)
