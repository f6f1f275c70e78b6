import { exitCodes, KitError } from './errors.mts'
import {
  isWrongPassword,
  logIn,
  quoteName,
  quoteText,
  type Connection,
  type Login,
} from './postgres-login.mts'
import { scramVerifier } from './scram.mts'
import type { Sensitive } from './sensitive.mts'
import type { Settings } from './settings.mts'
import type { Voice } from './voice.mts'
import type { Change, Writes } from './writes.mts'

/** A database an application owns. */
export interface Database {
  readonly name: string
  readonly owner: string
  readonly password: Sensitive
  /** Connections the application opens at most; becomes the role's CONNECTION LIMIT. */
  readonly connections: number
  /** First major version of PostgreSQL the application supports; an older one is a warning. */
  readonly supportedFrom: number
}

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

/** Connections of the server that stay free of every application: superuser, backup, monitoring. */
const reserved = 20

interface Facts {
  readonly version: number
  readonly replica: boolean
  readonly most: number
  readonly mayCreate: boolean
  readonly superuser: boolean
  readonly owner: string | undefined
  readonly roleLimit: number | undefined
  /** Sum of the limits of all other roles that have one. */
  readonly promised: number
}

/** The PostgreSQL server of an environment, logged in as the superuser its settings name, at first use. */
export function createPostgres(settings: Settings, writes: Writes, voice: Voice): Postgres {
  const login = (rest: Pick<Login, 'user' | 'password' | 'database'>): Login => ({
    host: String(settings['POSTGRES_HOST']),
    port: Number(settings['POSTGRES_PORT']),
    ...rest,
  })
  const where = `PostgreSQL ${String(settings['POSTGRES_HOST'])}:${String(settings['POSTGRES_PORT'])}`
  const user = String(settings['POSTGRES_SUPERUSER'])
  let connection: Promise<Connection> | undefined
  const connect = () =>
    (connection ??= logIn(
      login({ user, password: settings['POSTGRES_PASSWORD'] as Sensitive, database: 'postgres' }),
    ))

  async function examine(database: Database): Promise<Facts> {
    const facts = await readFacts(await connect(), database)
    requireUsable(where, user, facts, database)
    if (facts.version < database.supportedFrom) {
      voice.warn(
        `${where} is version ${facts.version}: the application supports ${database.supportedFrom} and newer`,
        `plan the move to PostgreSQL ${database.supportedFrom} or newer`,
      )
    }
    return facts
  }

  /** True when the role can log in with the password we have. */
  async function canLogIn({ owner, password, name }: Database, facts: Facts): Promise<boolean> {
    try {
      const database = facts.owner === undefined ? 'postgres' : name
      await (await logIn(login({ user: owner, password, database }))).end()
      return true
    } catch (thrown) {
      if (isWrongPassword(thrown)) return false
      throw thrown
    }
  }

  return {
    async majorVersion() {
      const { rows } = await (
        await connect()
      ).query<{ version: number }>(`select current_setting('server_version_num')::int / 10000 as version`)
      return rows[0]?.version ?? 0
    },
    tryOut: async (database) => void (await examine(database)),
    async ensureDatabase(database) {
      const facts = await examine(database)
      const fits = facts.roleLimit === undefined ? false : await canLogIn(database, facts)
      const { changes, statements } = planDatabase(database, facts, fits)
      if (changes.length > 0) {
        await writes.make(changes, async () => {
          const server = await connect()
          for (const statement of statements) await server.query(statement)
        })
      }
      if (writes.planning) return
      if (changes.length > 0)
        await requireOwnSchema(
          login({ user: database.owner, password: database.password, database: database.name }),
        )
      voice.said(`${where} database ${database.name}, owner ${database.owner}`)
    },
    async close() {
      await (await connection?.catch(() => undefined))?.end()
    },
  }
}

async function readFacts(server: Connection, { name, owner }: Database): Promise<Facts> {
  const { rows } = await server.query<{ [K in keyof Facts]: Facts[K] | null }>(
    `select current_setting('server_version_num')::int / 10000 as version,
            pg_is_in_recovery() as replica,
            current_setting('max_connections')::int as most,
            me.rolsuper or (me.rolcreatedb and me.rolcreaterole) as "mayCreate",
            me.rolsuper as superuser,
            (select pg_get_userbyid(datdba) from pg_database where datname = $1) as owner,
            (select rolconnlimit from pg_roles where rolname = $2) as "roleLimit",
            (select coalesce(sum(rolconnlimit), 0)::int from pg_roles
              where rolcanlogin and rolconnlimit > 0 and rolname <> $2) as promised
       from pg_roles me where me.rolname = current_user`,
    [name, owner],
  )
  const [row] = rows
  if (row === undefined) throw new Error('PostgreSQL does not list its own user')
  return { ...row, owner: row.owner ?? undefined, roleLimit: row.roleLimit ?? undefined } as Facts
}

/** @throws KitError for each reason why the database must not or cannot be made here */
function requireUsable(
  where: string,
  user: string,
  facts: Facts,
  { name, owner, connections }: Database,
): void {
  if (facts.replica) {
    throw new KitError(`${where} is a replica: nothing can be written there`, {
      exitCode: exitCodes.preflight,
      hint: 'POSTGRES_HOST must lead to the leader: look at HAProxy’s write port, or at Patroni',
    })
  }
  if (!facts.mayCreate) {
    throw new KitError(`${where}: ${user} may not create databases and roles`, {
      exitCode: exitCodes.denied,
      hint: `ALTER ROLE ${quoteName(user)} CREATEDB CREATEROLE; or set POSTGRES_SUPERUSER to a role that may`,
    })
  }
  if (facts.owner !== undefined && facts.owner !== owner) {
    throw new KitError(`${where}: database ${name} belongs to ${facts.owner}, not to ${owner}`, {
      exitCode: exitCodes.worldMoved,
      details: ['Nothing was written.'],
      hint: `if it is yours: ALTER DATABASE ${quoteName(name)} OWNER TO ${quoteName(owner)}; else use another environment name`,
    })
  }
  if (facts.promised + connections > facts.most - reserved) {
    throw new KitError(`${where}: not enough connections for ${name}`, {
      exitCode: exitCodes.preflight,
      details: [
        `it needs ${connections}, other roles were promised ${facts.promised}, ${reserved} stay free, max_connections is ${facts.most}`,
        'Nothing was written.',
      ],
      hint: 'raise max_connections, or lower the module’s maxima of pods',
    })
  }
}

/** What must be done, as the plan shows it and as SQL. Pure but for the salt of a new password. */
function planDatabase(
  { name, owner, password, connections }: Database,
  facts: Facts,
  passwordFits: boolean,
): { changes: Change[]; statements: string[] } {
  const [role, database] = [quoteName(owner), quoteName(name)]
  const secret = () => `PASSWORD ${quoteText(scramVerifier(password.reveal()))}`
  const changes: Change[] = []
  const statements: string[] = []
  if (facts.roleLimit === undefined) {
    changes.push({ sign: '+', what: `PostgreSQL role ${owner}` })
    statements.push(`CREATE ROLE ${role} LOGIN NOSUPERUSER CONNECTION LIMIT ${connections} ${secret()}`)
  } else {
    const fields = [
      ...(passwordFits ? [] : ['password   changed (not shown)']),
      ...(facts.roleLimit === connections ? [] : [`connection limit   ${facts.roleLimit} -> ${connections}`]),
    ]
    if (fields.length > 0) changes.push({ sign: '~', what: `PostgreSQL role ${owner}`, fields })
    if (!passwordFits) statements.push(`ALTER ROLE ${role} ${secret()}`)
    if (facts.roleLimit !== connections) statements.push(`ALTER ROLE ${role} CONNECTION LIMIT ${connections}`)
  }
  if (facts.owner === undefined) {
    changes.push({ sign: '+', what: `PostgreSQL database ${name}` })
    // Only a member of a role may make it an owner; a superuser needs no membership.
    if (!facts.superuser) statements.push(`GRANT ${role} TO CURRENT_USER`)
    statements.push(`CREATE DATABASE ${database} OWNER ${role} ENCODING 'UTF8' TEMPLATE template0`)
    statements.push(`REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC`)
  }
  return { changes, statements }
}

/** Logs in as the application will, and asks whether it may make tables. @throws KitError exit 9 */
async function requireOwnSchema(login: Login): Promise<void> {
  const connection = await logIn(login)
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
