import {
  changesOf,
  ensureExtensions,
  readAvailable,
  requireExtensions,
  type ExtensionFacts,
} from './postgres-extensions.mts'
import { asked, failure, noDatabase } from './postgres-failure.mts'
import { execute, isAbsent, isThere, logIn, type Connection, type Login } from './postgres-login.mts'
import {
  budgetOf,
  canLogIn,
  requireNoForeignRights,
  requireNoMembership,
  requireOwnSchema,
  requireOurRole,
  requireUsable,
  warnOfGrants,
} from './postgres-access.mts'
import { tryOwnTables } from './postgres-own-tables.mts'
import { planDatabase } from './postgres-plan.mts'
import { readFacts, type Database, type Facts } from './postgres-facts.mts'
import type { Sensitive } from '../base/sensitive.mts'
import { tlsOf } from '../settings/backend-tls.mts'
import type { Settings } from '../settings/settings.mts'
import type { Reporter } from '../base/log.mts'
import type { Change, Writes } from '../base/writes.mts'

export interface PostgresReader {
  /** The server's major version: 16. @throws KitError exit 6, 7 or 8 for the login, exit 6, 8 or 9 for the query */
  majorVersion(): Promise<number>
  /**
   * The first column of a query's first row, asked as the role that owns the database: a table, view or function there
   * may be an attacker's who broke into the application, and would run with the rights of the role that queries it.
   * @returns undefined without row, table or database
   * @throws KitError exit 6, 7 or 8 when a login fails, exit 6 when the connection is lost, exit 8 or 9 for the query
   */
  findText(database: Database, query: string): Promise<string | undefined>
}

export interface Postgres extends PostgresReader {
  /** Logs in as the role that owns the database. @throws KitError exit 3 when there is none; as findText */
  requireThere(database: Database): Promise<void>
  /** Checks that the database could be created or used. Changes nothing. @throws KitError exit 3, 5, 6, 7, 8 or 9 */
  tryOut(database: Database): Promise<void>
  /**
   * Creates or corrects role, database and extensions; idempotent.
   * @throws KitError exit 3, 5, 6, 7, 8 or 9 as `tryOut`, before a change; then exit 3 for extensions, 5 for tables of
   *   another role, 6, 7 or 8 for a login, 6, 8 or 9 for a statement; what the gate throws (Writes.make)
   */
  ensureDatabase(database: Database): Promise<void>
  /** Ends the connection, if there is one, also one that is being opened. */
  close(): Promise<void>
}

export interface PostgresOptions extends Reporter {
  /** The owner that this run writes into the comment of its database (postgres-facts.mts, claimOf). */
  readonly claim: string
}

/** The PostgreSQL server of an environment; the superuser of its settings logs in at first use. */
export function createPostgres(settings: Settings, writes: Writes, reporter: PostgresOptions): Postgres {
  const [host, port] = [String(settings['POSTGRES_HOST']), Number(settings['POSTGRES_PORT'])]
  const where = `PostgreSQL ${host}:${port}`
  const tls = tlsOf(settings, 'POSTGRES')
  // Where PUBLIC may CREATE in schema public (PostgreSQL 14 and older) any role can put a function or an operator there
  // that fits a query better than pg_catalog's own, and it would run as superuser.
  const superuser = {
    onlyCatalog: true,
    tls,
    user: String(settings['POSTGRES_SUPERUSER']),
    password: settings['POSTGRES_PASSWORD'] as Sensitive,
    setting: 'POSTGRES_PASSWORD',
  }
  /** One connection, also for concurrent calls. */
  let connection: Promise<Connection> | undefined
  const connect = (): Promise<Connection> => (connection ??= open())
  async function open(): Promise<Connection> {
    const forget = () => void (connection = undefined)
    try {
      const made = await logIn({ host, port, ...superuser, database: 'postgres' })
      // A proxy closes an idle connection during the wait for a rollout: then log in again.
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
    tls,
  })

  /** @returns the facts, and whether the role can log in with the password of the settings */
  async function examine(
    database: Database,
  ): Promise<{ facts: Facts; fits: boolean; available: ExtensionFacts }> {
    const server = await connect()
    const facts = await asked(readFacts(server, database), where)
    requireUsable(where, superuser.user, facts, database, reporter.claim)
    const { extensions = [] } = database
    const available = await asked(readAvailable(server, extensions), where)
    requireExtensions(where, superuser.user, extensions, available, facts)
    if (facts.version < database.supportedFrom) {
      reporter.warn(
        `${where} is version ${facts.version}: the application supports ${database.supportedFrom} and newer`,
        `plan the move to PostgreSQL ${database.supportedFrom} or newer`,
      )
    }
    const { owner, name } = database
    const fits =
      facts.roleLimit !== undefined &&
      (await canLogIn(loginOf(database, facts.owner === owner ? name : 'postgres')))
    requireOurRole(where, facts, owner, fits)
    requireNoMembership(where, facts, owner)
    requireNoForeignRights(where, facts, database)
    warnOfGrants(where, facts, name, reporter)
    if (fits && facts.owner === owner) await asked(tryOwnTables(loginOf(database, name), where), where)
    return { facts, fits, available }
  }

  /** The only login of the superuser to a database of an application: no other role has connected to it yet. */
  const extendBeforeHandover = ({ name, extensions = [] }: Database, { trusted }: ExtensionFacts) =>
    ensureExtensions(writes, { host, port, ...superuser, database: name }, extensions, {
      trusted,
      isOwners: false,
    })

  async function findText(database: Database, query: string): Promise<string | undefined> {
    try {
      if (!(await isThere(await connect(), database.name))) return undefined
      const connection = await logIn(loginOf(database, database.name))
      try {
        const { rows } = await connection.query<Record<string, string | null>>(query)
        // NULL, as an aggregate over no rows is, is no text either.
        return Object.values(rows[0] ?? {})[0] ?? undefined
      } finally {
        await connection.end()
      }
    } catch (cause) {
      if (isAbsent(cause)) return undefined
      throw failure(cause, where)
    }
  }

  return {
    async majorVersion() {
      const version = `select current_setting('server_version_num')::int / 10000 as version`
      const { rows } = await asked((await connect()).query<{ version: number }>(version), where)
      return rows[0]?.version ?? 0
    },
    findText,
    async requireThere(database) {
      if ((await findText(database, 'select version()')) === undefined) throw noDatabase(where, database.name)
    },
    tryOut: async (database) => void (await examine(database)),
    async ensureDatabase(database) {
      const { facts, fits, available } = await examine(database)
      const { name, owner, extensions = [] } = database
      const { changes, statements, handover } = planDatabase(database, facts, fits, reporter.claim)
      const run = async (texts: readonly string[]) => {
        const server = await connect()
        for (const text of texts) await asked(execute(server, text), where)
      }
      if (changes.length > 0) await writes.make(changes, () => run(statements))
      if (handover.length === 0) {
        const { trusted } = available
        const inside = loginOf(database, name)
        // Under --plan the role may still have another password.
        if (fits || !writes.planning)
          await asked(ensureExtensions(writes, inside, extensions, { trusted, isOwners: true }), where)
      } else {
        const given: Change = { sign: '~', what: `PostgreSQL database ${name}, to ${owner}` }
        if (writes.planning) {
          // A new database is in the plan already, with its owner.
          const half = facts.owner === undefined ? [] : [given]
          await writes.make([...changesOf(extensions, name), ...half], () => Promise.resolve())
        } else {
          await asked(extendBeforeHandover(database, available), where)
          await writes.make([given], () => run(handover))
        }
      }
      if (writes.planning) return
      if (handover.length > 0 || !fits) await asked(requireOwnSchema(loginOf(database, name), where), where)
      const budget = budgetOf(facts, database.connections)
      reporter.ok(`${where} database ${name}, owner ${owner}; connections: ${budget}`)
    },
    async close() {
      // A login that failed, also while the run was interrupted, was reported to whoever asked for it.
      await (await connection?.catch(() => undefined))?.end()
    },
  }
}
