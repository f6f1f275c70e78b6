import pg from 'pg'
import { exitCodes, hasCode, KitError } from './errors.mts'
import type { Sensitive } from './sensitive.mts'

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
}

/**
 * Logs in for real.
 * @throws KitError exit 6 when the server does not answer or takes no connections now; exit 8 when it refuses
 * user or password
 */
export async function logIn({ host, port, user, password, database }: Login): Promise<Connection> {
  const connection = new pg.Client({
    host,
    port,
    user,
    password: password.reveal(),
    database,
    application_name: 'keybuzz-installer',
    connectionTimeoutMillis: 8000,
    query_timeout: 30_000,
  })
  // A server that goes away between two questions must not end the process: the next question says so.
  connection.on('error', () => {})
  try {
    await connection.connect()
    return connection
  } catch (cause) {
    await connection.end().catch(() => {})
    throw explained(cause, `PostgreSQL ${host}:${port}`, user)
  }
}

/** True when the server refused this very password (invalid_password, or no such role for SCRAM). */
export const isWrongPassword = (thrown: unknown): boolean =>
  thrown instanceof KitError && thrown.exitCode === exitCodes.denied && hasCode(thrown.cause, '28P01')

function explained(cause: unknown, where: string, user: string): KitError {
  const said = cause instanceof Error && cause.message !== '' ? cause.message : String(cause)
  if (hasCode(cause, '28P01')) {
    return new KitError(`${where} refuses the password of ${user}`, {
      exitCode: exitCodes.denied,
      hint:
        user === 'postgres'
          ? 'correct POSTGRES_PASSWORD in platform.env'
          : `correct the password of ${user}, or the user`,
      cause,
    })
  }
  if (hasCode(cause, '28000', '42501')) {
    return new KitError(`${where} does not let ${user} in: ${said}`, {
      exitCode: exitCodes.denied,
      hint: 'pg_hba.conf must allow this user from this machine, from the nodes and from the pods',
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
