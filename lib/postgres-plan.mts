import { exitCodes, KitError } from './errors.mts'
import { quoteName, quoteText, type Connection } from './postgres-login.mts'
import { scramVerifier } from './scram.mts'
import type { Sensitive } from './sensitive.mts'
import type { Change } from './writes.mts'

// What is there, whether it may be used, and what is missing: everything but acting.

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

/** Connections of the server that stay free of every application: superuser, backup, monitoring. */
const reserved = 20

/** What the server says about itself, its user, and the database in question. */
export interface Facts {
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

/** Reads them in one question. */
export async function readFacts(server: Connection, { name, owner }: Database): Promise<Facts> {
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
export function requireUsable(
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
export function planDatabase(
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
