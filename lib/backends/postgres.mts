import { ensureExtensions, readAvailable, requireExtensions } from './postgres-extensions.mts'
import { execute, failure, isAbsent, logIn, type Connection, type Login } from './postgres-login.mts'
import { canLogIn, requireOwnSchema, requireOurRole, requireUsable } from './postgres-rules.mts'
import { planDatabase } from './postgres-plan.mts'
import { readFacts, type Database, type Facts } from './postgres-facts.mts'
import type { Sensitive } from '../base/sensitive.mts'
import type { Settings } from '../settings/settings.mts'
import type { Voice } from '../base/log.mts'
import type { Writes } from '../base/writes.mts'

export interface PostgresReader {
  /** The server's major version: 16. */
  majorVersion(): Promise<number>
  /** The one text a query gives in a database; undefined without row, table or database. */
  findText(database: string, query: string): Promise<string | undefined>
}

export interface Postgres extends PostgresReader {
  /** Logs in and asks whether the database could be made. Changes nothing. @throws KitError saying why not */
  tryOut(database: Database): Promise<void>
  /** Makes role and database so, harmless when they are so already. @throws KitError before anything is touched */
  ensureDatabase(database: Database): Promise<void>
  close(): Promise<void>
}

export interface PostgresOptions extends Voice {
  /** What this run writes into the comment of a database that is its own (postgres-plan.mts, claimOf). */
  readonly claim: string
}

/** The PostgreSQL server of an environment, logged in as the superuser its settings name, at first use. */
export function createPostgres(settings: Settings, writes: Writes, voice: PostgresOptions): Postgres {
  const [host, port] = [String(settings['POSTGRES_HOST']), Number(settings['POSTGRES_PORT'])]
  const where = `PostgreSQL ${host}:${port}`
  const superuser = {
    user: String(settings['POSTGRES_SUPERUSER']),
    password: settings['POSTGRES_PASSWORD'] as Sensitive,
    setting: 'POSTGRES_PASSWORD',
  }
  /** One for all that ask at once. */
  let connection: Promise<Connection> | undefined
  const connect = (): Promise<Connection> => (connection ??= open())
  async function open(): Promise<Connection> {
    const forget = () => void (connection = undefined)
    try {
      const made = await logIn({ host, port, ...superuser, database: 'postgres' })
      // A proxy in between cuts a connection that is quiet while a rollout is waited for: then log in again.
      return made.on('end', forget)
    } catch (cause) {
      forget()
      throw cause
    }
  }
  const loginOf = ({ owner, password }: Database, database: string): Login => ({
    host,
    port,
    user: owner,
    password,
    database,
  })

  /** @returns what is there, and whether the role may log in with our password */
  async function examine(database: Database): Promise<{ facts: Facts; fits: boolean }> {
    const server = await connect()
    const facts = await asked(readFacts(server, database), where)
    requireUsable(where, superuser.user, facts, database, voice.claim)
    const { extensions = [] } = database
    const found = await asked(readAvailable(server, extensions), where)
    requireExtensions(where, superuser.user, extensions, found, facts)
    if (facts.version < database.supportedFrom) {
      voice.warn(
        `${where} is version ${facts.version}: the application supports ${database.supportedFrom} and newer`,
        `plan the move to PostgreSQL ${database.supportedFrom} or newer`,
      )
    }
    const { owner, name } = database
    const fits =
      facts.roleLimit !== undefined &&
      (await canLogIn(loginOf(database, facts.owner === undefined ? 'postgres' : name)))
    requireOurRole(where, facts, owner, fits)
    return { facts, fits }
  }

  return {
    async majorVersion() {
      const version = `select current_setting('server_version_num')::int / 10000 as version`
      const { rows } = await asked((await connect()).query<{ version: number }>(version), where)
      return rows[0]?.version ?? 0
    },
    async findText(database, query) {
      try {
        const connection = await logIn({ host, port, ...superuser, database })
        try {
          const { rows } = await connection.query<Record<string, string>>(query)
          return Object.values(rows[0] ?? {})[0]
        } finally {
          await connection.end()
        }
      } catch (cause) {
        if (isAbsent(cause)) return undefined
        throw failure(cause, where)
      }
    },
    tryOut: async (database) => void (await examine(database)),
    async ensureDatabase(database) {
      const { facts, fits } = await examine(database)
      const { name, owner, extensions = [] } = database
      const { changes, statements } = planDatabase(database, facts, fits, voice.claim)
      if (changes.length > 0) {
        await writes.make(changes, async () => {
          const server = await connect()
          for (const text of statements) await asked(execute(server, text), where)
        })
      }
      const inside = { host, port, ...superuser, database: name }
      await asked(ensureExtensions(writes, inside, extensions, facts.owner !== undefined), where)
      if (writes.planning) return
      if (facts.owner === undefined || !fits) await requireOwnSchema(loginOf(database, name))
      voice.said(`${where} database ${name}, owner ${owner}`)
    },
    async close() {
      await (await connection)?.end()
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
