import type { EventEmitter } from 'node:events'
import pg from 'pg'
import { exitCodes, hasCode, KitError, messageOf } from '../base/errors.mts'
import type { Sensitive } from '../base/sensitive.mts'
import type { BackendTls } from '../settings/backend-tls.mts'
import { mayWantTls, speaksNoTls, tlsFailure, tlsOptions } from './tls.mts'

// The only importer of pg.
export type Connection = pg.Client
export const quoteName = (name: string): string => pg.escapeIdentifier(name)
export const quoteText = (text: string): string => pg.escapeLiteral(text)

export interface Login {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: Sensitive
  readonly database: string
  readonly tls: BackendTls
  /** Which setting holds the password, when it is one an operator gives. */
  readonly setting?: string
  /** Only the server's own names are found by their bare names, whatever the database's own settings say. */
  readonly onlyCatalog?: boolean
}

/**
 * Logs in for real.
 * @throws KitError exit 6 when the server does not answer or takes no connections now; exit 7 when TLS is wanted and
 * not spoken, or the server not proven; exit 8 when it refuses user or password, or wants a password in clear
 */
export async function logIn(login: Login): Promise<Connection> {
  const { host, port, user, password, database, tls } = login
  const connection = new pg.Client({
    host,
    port,
    user,
    password: password.reveal(),
    database,
    application_name: 'keybuzz-installer',
    connectionTimeoutMillis: 8000,
    query_timeout: 30_000,
    // Said even when it is off: PGSSLMODE and PGSSLNEGOTIATION of whoever started the kit must not matter.
    ssl: tlsOptions(tls) ?? false,
    sslnegotiation: 'postgres',
    // Words of the start of a session win over ALTER DATABASE ... SET.
    ...(login.onlyCatalog === true && { options: '-c search_path=pg_catalog' }),
  })
  // A server that goes away between two questions must not end the process: the next question says so.
  connection.on('error', () => {})
  if (tls.mode === 'off') refuseCleartext(connection)
  try {
    await connection.connect()
    return connection
  } catch (cause) {
    await connection.end().catch(() => {})
    throw refusal(cause, login)
  }
}

/** Without TLS only an exchange that does not show the password: whoever answers may ask for it in clear. */
function refuseCleartext(connection: Connection): void {
  // pg binds its handlers of a login at `connect`; it has no option for this.
  const client = connection as unknown as Handlers
  client._handleAuthCleartextPassword = () => client.connection.emit('error', new CleartextWanted())
}

interface Handlers {
  _handleAuthCleartextPassword: () => void
  readonly connection: EventEmitter
}

class CleartextWanted extends Error {}

/** Changes something. CREATE DATABASE copies a template and, before version 15, waits for a checkpoint. */
export async function execute(server: Connection, text: string): Promise<void> {
  // The option is pg's own, its types leave it out.
  const statement: pg.QueryConfig & { query_timeout: number } = { text, query_timeout: 120_000 }
  await server.query(statement)
}

/** True when the server refused this very password (invalid_password, or no such role for SCRAM). */
export const isWrongPassword = (thrown: unknown): boolean =>
  thrown instanceof KitError && hasCode(thrown.cause, '28P01')

/** True when what was asked for is simply not there: no such database, no such table. */
export const isAbsent = (thrown: unknown): boolean =>
  hasCode(thrown, '42P01') || (thrown instanceof KitError && hasCode(thrown.cause, '3D000'))

/** Where in the server a session ends that was authenticated before: NOLOGIN, the role's limit, no CONNECT right. */
const afterPassword = ['InitializeSessionUserId', 'CheckMyDatabase']

/** True when the server took the password and refused the session for another reason. */
export const isRightPassword = (thrown: unknown): boolean =>
  thrown instanceof KitError &&
  hasCode(thrown.cause, '28000', '53300', '42501') &&
  afterPassword.includes(String((thrown.cause as { routine?: unknown }).routine))

function refusal(cause: unknown, { host, port, user, setting, tls }: Login): KitError {
  const where = `PostgreSQL ${host}:${port}`
  const target = { backend: 'POSTGRES', host, port, tls } as const
  const said = cause instanceof Error && cause.message !== '' ? cause.message : String(cause)
  const trust = tlsFailure(cause, target)
  if (trust !== undefined) return trust
  if (/SSL connection/.test(said) && !hasCode(cause, '28000')) return speaksNoTls(cause, target)
  if (cause instanceof CleartextWanted) {
    return new KitError(`${where} wants the password of ${user} in clear, without TLS`, {
      exitCode: exitCodes.denied,
      details: ['It was not sent.'],
      hint: 'set scram-sha-256 in place of password (or ldap, pam, radius) in pg_hba.conf; or set POSTGRES_TLS to verify',
      cause,
    })
  }
  if (hasCode(cause, '28P01')) {
    return new KitError(`${where} refuses the password of ${user}`, {
      exitCode: exitCodes.denied,
      hint: `correct ${setting === undefined ? `the password of ${user}` : `${setting} in platform.env`}, or the user`,
      cause,
    })
  }
  if (hasCode(cause, '28000', '42501')) {
    return new KitError(`${where} does not let ${user} in: ${said}`, {
      exitCode: exitCodes.denied,
      hint: `${tls.mode === 'off' ? `${mayWantTls('POSTGRES')}; else ` : ''}pg_hba.conf must allow this user from this machine, from the nodes and from the pods`,
      cause,
    })
  }
  if (hasCode(cause, '53300')) {
    return new KitError(`${where} has no connection left: ${said}`, {
      exitCode: exitCodes.unreachable,
      hint: 'raise max_connections, or end idle connections',
      cause,
    })
  }
  return new KitError(`${where} cannot be reached: ${said}`, {
    exitCode: exitCodes.unreachable,
    hint: 'check POSTGRES_HOST and POSTGRES_PORT, that the server runs, and the firewall in between',
    cause,
  })
}

/** What a question or a change came to that a logged-in user sent. */
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
