import { exitCodes, KitError } from './errors.mts'
import {
  execute,
  failure,
  isRightPassword,
  isWrongPassword,
  logIn,
  quoteName,
  type Connection,
  type Login,
} from './postgres-login.mts'
import { planDatabase, readFacts, requireUsable, type Database, type Facts } from './postgres-plan.mts'
import type { Sensitive } from './sensitive.mts'
import type { Settings } from './settings.mts'
import type { Voice } from './voice.mts'
import type { Writes } from './writes.mts'

export interface PostgresReader {
  /** The server's major version: 16. */
  majorVersion(): Promise<number>
}

export interface Postgres extends PostgresReader {
  /** Logs in and asks whether the database could be made. Changes nothing. @throws KitError saying why not */
  tryOut(database: Database): Promise<void>
  /** Makes role and database so, harmless when they are so already. @throws KitError before anything is touched */
  ensureDatabase(database: Database): Promise<void>
  close(): Promise<void>
}

/** The PostgreSQL server of an environment, logged in as the superuser its settings name, at first use. */
export function createPostgres(settings: Settings, writes: Writes, voice: Voice): Postgres {
  const [host, port] = [String(settings['POSTGRES_HOST']), Number(settings['POSTGRES_PORT'])]
  const where = `PostgreSQL ${host}:${port}`
  const superuser = {
    user: String(settings['POSTGRES_SUPERUSER']),
    password: settings['POSTGRES_PASSWORD'] as Sensitive,
    setting: 'POSTGRES_PASSWORD',
  }
  let connection: Connection | undefined
  async function connect(): Promise<Connection> {
    if (connection !== undefined) return connection
    const made = await logIn({ host, port, ...superuser, database: 'postgres' })
    // A proxy in between cuts a connection that is quiet while a rollout is waited for: then log in again.
    made.on('end', () => (connection = undefined))
    return (connection = made)
  }
  const loginOf = ({ owner, password }: Database, database: string): Login => ({
    host,
    port,
    user: owner,
    password,
    database,
  })

  async function examine(database: Database): Promise<Facts> {
    const server = await connect()
    const facts = await asked(readFacts(server, database), where)
    requireUsable(where, superuser.user, facts, database)
    if (facts.version < database.supportedFrom) {
      voice.warn(
        `${where} is version ${facts.version}: the application supports ${database.supportedFrom} and newer`,
        `plan the move to PostgreSQL ${database.supportedFrom} or newer`,
      )
    }
    return facts
  }

  return {
    async majorVersion() {
      const version = `select current_setting('server_version_num')::int / 10000 as version`
      const { rows } = await asked((await connect()).query<{ version: number }>(version), where)
      return rows[0]?.version ?? 0
    },
    tryOut: async (database) => void (await examine(database)),
    async ensureDatabase(database) {
      const facts = await examine(database)
      const { name, owner } = database
      const fits =
        facts.roleLimit !== undefined &&
        (await canLogIn(loginOf(database, facts.owner === undefined ? 'postgres' : name)))
      const { changes, statements } = planDatabase(database, facts, fits)
      if (changes.length > 0) {
        await writes.make(changes, async () => {
          const server = await connect()
          for (const text of statements) await asked(execute(server, text), where)
        })
      }
      if (writes.planning) return
      if (facts.owner === undefined || !fits) await requireOwnSchema(loginOf(database, name))
      voice.said(`${where} database ${name}, owner ${owner}`)
    },
    async close() {
      await connection?.end()
    },
  }
}

async function asked<T>(answer: Promise<T>, where: string): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    throw failure(cause, where)
  }
}

/** True when the role may log in with the password we have. @throws KitError when that cannot be told */
async function canLogIn(login: Login): Promise<boolean> {
  try {
    await (await logIn(login)).end()
    return true
  } catch (thrown) {
    if (isWrongPassword(thrown)) return false
    // A busy application may hold every connection its role has.
    if (isRightPassword(thrown)) return true
    throw thrown
  }
}

/** Logs in as the application will, and asks whether it may make tables. @throws KitError exit 8 or 9 */
async function requireOwnSchema(login: Login): Promise<void> {
  const connection = await logIn(login).catch((thrown: unknown) => {
    if (!isRightPassword(thrown)) throw thrown
  })
  if (connection === undefined) return
  try {
    const { rows } = await connection.query<{ may: boolean }>(
      `select has_schema_privilege(current_user, 'public', 'CREATE') as may`,
    )
    if (rows[0]?.may === true) return
  } finally {
    await connection.end()
  }
  throw new KitError(`${login.user} may not create tables in database ${login.database}`, {
    exitCode: exitCodes.rolloutFailed,
    hint: `as superuser, in that database: GRANT CREATE ON SCHEMA public TO ${quoteName(login.user)}`,
  })
}
