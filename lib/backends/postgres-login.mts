import type { EventEmitter } from 'node:events'
import pg from 'pg'
import { exitCodes, hasCode, KitError } from '../base/errors.mts'
import type { Sensitive } from '../base/sensitive.mts'
import type { BackendTls } from '../settings/backend-tls.mts'
import { behindPooler, isPoolerRefusal, noDatabase } from './postgres-failure.mts'
import { mayWantTls, speaksNoTls, tlsFailure, tlsOptions } from './tls.mts'

// The only importer of pg.
export type Connection = pg.Client
/** A name as SQL: `"n8n_staging"`. */
export const quoteName = (name: string): string => pg.escapeIdentifier(name)
/** A text as an SQL literal, with its quotes. */
export const quoteText = (text: string): string => pg.escapeLiteral(text)

export interface Login {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: Sensitive
  readonly database: string
  readonly tls: BackendTls
  /** The setting that holds the password, when it is an operator's: `POSTGRES_PASSWORD`. */
  readonly setting?: string
  /** Sets search_path to pg_catalog, whatever the database's own settings are. */
  readonly onlyCatalog?: boolean
}

/**
 * Opens an authenticated connection.
 * @throws KitError exit 6 when the server does not answer within 8 s or has no connection left; exit 7 when it does not
 *   support TLS, or its certificate is not trusted; exit 8 when it refuses user, password or connections to the
 *   database, or requests a cleartext password without TLS; exit 3 when the database does not exist, or a pooler answers
 */
export async function logIn(login: Login): Promise<Connection> {
  const { host, port, user, password, database, tls } = login
  const connection = clientOf({
    host,
    port,
    user,
    password: password.reveal(),
    database,
    application_name: 'keybuzz-installer',
    connectionTimeoutMillis: 8000,
    query_timeout: 30_000,
    ssl: tlsOptions(tls) ?? false,
    // Options of the startup message take precedence over ALTER DATABASE ... SET.
    ...(login.onlyCatalog === true && { options: '-c search_path=pg_catalog' }),
  })
  // A connection lost between two queries must not end the process: the next query reports it.
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

/**
 * A client with these options only. pg reads a PG* variable for each option it is not given (PGOPTIONS, PGSSLMODE,
 * PGREPLICATION, PGCLIENT_ENCODING): the operator's own variables are about other servers.
 */
function clientOf(options: pg.ClientConfig): Connection {
  const theirs = Object.entries(process.env).filter(([key]) => key.startsWith('PG'))
  for (const [key] of theirs) delete process.env[key]
  try {
    return new pg.Client(options)
  } finally {
    Object.assign(process.env, Object.fromEntries(theirs))
  }
}

/** Without TLS, no cleartext password: any server that answers at this address could request it. */
function refuseCleartext(connection: Connection): void {
  // pg binds the handlers of the authentication at `connect`; it has no option for this.
  const client = connection as unknown as Handlers
  client._handleAuthCleartextPassword = () => client.connection.emit('error', new CleartextWanted())
}

interface Handlers {
  _handleAuthCleartextPassword: () => void
  readonly connection: EventEmitter
}

class CleartextWanted extends Error {}

/** The number of the server's process, as whoever answered the login gave it; undefined when nobody did. */
export const announcedProcess = (connection: Connection): number | undefined =>
  // pg keeps it to cancel queries; its types leave it out.
  (connection as unknown as { readonly processID: number | null }).processID ?? undefined

/**
 * Runs a statement that changes something, within 120 s: CREATE DATABASE copies a template and, before version 15,
 * waits for a checkpoint. @throws pg's error, which `failure` explains
 */
export async function execute(server: Connection, text: string): Promise<void> {
  // The option is pg's own, its types leave it out.
  const statement: pg.QueryConfig & { query_timeout: number } = { text, query_timeout: 120_000 }
  await server.query(statement)
}

/** True for an error of `logIn` that means a wrong password (invalid_password, or for SCRAM: no such role). */
export const isWrongPassword = (thrown: unknown): boolean =>
  thrown instanceof KitError && hasCode(thrown.cause, '28P01')

/** True for an error that means: no such table (of a query), no such database (of `logIn`). */
export const isAbsent = (thrown: unknown): boolean =>
  hasCode(thrown, '42P01') || (thrown instanceof KitError && hasCode(thrown.cause, '3D000'))

/** Server routines that refuse a session after authentication: NOLOGIN, CONNECTION LIMIT, no CONNECT right. */
const afterPassword = ['InitializeSessionUserId', 'CheckMyDatabase']

/** True for an error of `logIn` that means: the password was right, the session was refused for another reason. */
export const isRightPassword = (thrown: unknown): boolean =>
  thrown instanceof KitError &&
  hasCode(thrown.cause, '28000', '53300', '42501') &&
  afterPassword.includes(String((thrown.cause as { routine?: unknown }).routine))

function refusal(cause: unknown, { host, port, user, setting, tls, database }: Login): KitError {
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
      hint: `correct ${setting === undefined ? `the password of ${user}` : `${setting} in platform.env`}, or the user; a password past its VALID UNTIL is refused in the same words: \\du ${user} in psql`,
      cause,
    })
  }
  if (hasCode(cause, '28000') && /not permitted to log in/.test(said)) {
    return new KitError(`${where}: role ${user} has NOLOGIN`, {
      exitCode: exitCodes.denied,
      hint: `as a superuser: ALTER ROLE ${quoteName(user)} LOGIN`,
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
  if (hasCode(cause, '3D000')) return noDatabase(where, database, cause)
  if (isPoolerRefusal(said)) return behindPooler(where, cause)
  if (hasCode(cause, '53300')) {
    return new KitError(`${where} has no connection left: ${said}`, {
      exitCode: exitCodes.unreachable,
      hint: /for (role|database)/.test(said)
        ? 'end idle connections of that role or database, or raise its CONNECTION LIMIT'
        : 'raise max_connections, or end idle connections',
      cause,
    })
  }
  if (/not currently accepting connections/.test(said)) {
    return new KitError(`${where}: database ${database} accepts no connections`, {
      exitCode: exitCodes.denied,
      hint: `as a superuser: ALTER DATABASE ${quoteName(database)} ALLOW_CONNECTIONS true`,
      cause,
    })
  }
  return new KitError(`${where} cannot be reached: ${said}`, {
    exitCode: exitCodes.unreachable,
    hint: 'check POSTGRES_HOST and POSTGRES_PORT, that the server runs, and the firewall in between',
    cause,
  })
}

/** True when a database of this name exists. @throws pg's error when the query fails */
export async function isThere(server: Connection, name: string): Promise<boolean> {
  const { rowCount } = await server.query('select from pg_database where datname = $1', [name])
  return rowCount === 1
}
