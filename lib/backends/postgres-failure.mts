import { exitCodes, hasCode, KitError, messageOf } from '../base/errors.mts'
import { written } from '../base/written.mts'

/**
 * The KitError for a failed query or statement: exit 8 when the right is missing, exit 9 when the server refuses it,
 * exit 6 when the connection is lost. A KitError is returned unchanged.
 * @param where the server, in messages: `PostgreSQL HOST:PORT`
 */
export function failure(cause: unknown, where: string): KitError {
  if (cause instanceof KitError) return cause
  const said = messageOf(cause)
  if (hasCode(cause, '42501')) {
    return new KitError(`${where} does not allow it: ${said}`, {
      exitCode: exitCodes.denied,
      hint: 'set POSTGRES_SUPERUSER to a superuser, or give that role ADMIN of the role it shall change',
      cause,
    })
  }
  // An answer of the server carries its five-letter code; everything else is the connection.
  const answered = cause instanceof Error && 'severity' in cause
  return new KitError(`${where} ${answered ? 'refused a statement' : 'went away'}: ${said}`, {
    exitCode: answered ? exitCodes.rolloutFailed : exitCodes.unreachable,
    details: ['What was done before stays; another run goes on from there.'],
    hint: `look at the server’s log, then run this again`,
    cause,
  })
}

/** Waits for the answer to a query. @param where as for `failure` @throws KitError exit 6, 8 or 9, see `failure` */
export async function asked<T>(answer: Promise<T>, where: string): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    throw failure(cause, where)
  }
}

/** Exit 3: a database does not exist. @param where as for `failure` */
export const noDatabase = (where: string, database: string, cause?: unknown): KitError =>
  new KitError(`${where} has no database ${database}`, {
    exitCode: exitCodes.preflight,
    hint: 'if it was deleted, restore it from a backup; else run the module again: it makes a database that is missing, empty',
    cause,
  })

/** What PgBouncer, and poolers like it, say to a login that asks for a search_path; PostgreSQL itself never does. */
export const isPoolerRefusal = (said: string): boolean => /unsupported startup parameter/i.test(said)

/** Exit 3: between the kit and the server is a pooler. @param where as for `failure` */
export const behindPooler = (where: string, cause?: unknown): KitError =>
  new KitError(`${where} is PgBouncer or another pooler, not PostgreSQL itself`, {
    exitCode: exitCodes.preflight,
    details: [
      'A pooler gives one session of the server to many clients: migrations, and the locks and settings of a session, break.',
      written(),
    ],
    hint: 'POSTGRES_HOST and POSTGRES_PORT must lead to the leader itself: HAProxy’s write port, or Patroni',
    cause,
  })
