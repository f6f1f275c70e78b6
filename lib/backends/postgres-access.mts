import { exitCodes, KitError } from '../base/errors.mts'
import type { Reporter } from '../base/log.mts'
import { commentOf, type Database, type Facts } from './postgres-facts.mts'
import { behindPooler } from './postgres-failure.mts'
import { requireOwnTables } from './postgres-own-tables.mts'
import {
  quoteName,
  quoteText,
  isRightPassword,
  isWrongPassword,
  logIn,
  type Login,
} from './postgres-login.mts'
import { written } from '../base/written.mts'

/** Connections of the server that are kept free of applications: for the superuser, backups, monitoring. */
const reserved = 20

/** The server's connections in one line. @param connections what the application needs at most */
export const budgetOf = ({ promised, most }: Pick<Facts, 'promised' | 'most'>, connections: number): string =>
  `it needs ${connections}, other roles were promised ${promised}, ${reserved} stay free, max_connections is ${most}`

/**
 * Requires that the database can be created or used on this server.
 * @param where the server, in messages: `PostgreSQL HOST:PORT`
 * @param user the login that creates it
 * @param claim from `claimOf`
 * @throws KitError exit 3 for a pooler, a replica or too few connections, exit 8 when the login lacks CREATEDB or CREATEROLE,
 *   exit 5 when another role or installation owns the database
 */
export function requireUsable(
  where: string,
  user: string,
  facts: Facts,
  { name, owner, connections }: Database,
  claim: string,
): void {
  if (facts.pooled) throw behindPooler(where)
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
  if (facts.owner !== undefined && facts.owner !== owner && !isHalfMade(facts, user, claim)) {
    throw new KitError(`${where}: database ${name} belongs to ${facts.owner}, not to ${owner}`, {
      exitCode: exitCodes.conflict,
      details: [written()],
      hint: `if it is yours: ALTER DATABASE ${quoteName(name)} OWNER TO ${quoteName(owner)}; else use another environment name`,
    })
  }
  if (facts.claim !== undefined && facts.claim !== claim) {
    throw new KitError(`${where}: database ${name} is another installation's`, {
      exitCode: exitCodes.conflict,
      details: [
        `claimed by: ${facts.claim}`,
        `this run is: ${claim}`,
        `Two installations on one database would lock each other out. ${written()}`,
      ],
      hint: `use another environment name; if the other one is gone for good: COMMENT ON DATABASE ${quoteName(name)} IS ${quoteText(commentOf(facts.words))}`,
    })
  }
  if (facts.promised + connections > facts.most - reserved) {
    throw new KitError(`${where}: not enough connections for ${name}`, {
      exitCode: exitCodes.preflight,
      details: [budgetOf(facts, connections), written()],
      hint: 'raise max_connections, or lower the module’s maxima of pods',
    })
  }
}

/** True for a database that a killed run created and did not hand over to its owner. */
const isHalfMade = (facts: Facts, user: string, claim: string): boolean =>
  facts.owner === user &&
  (facts.claim === claim || (facts.claim === undefined && !facts.takesConnections && facts.words === ''))

/**
 * Requires that an application's role is a member of no other role. A membership was granted by an operator on purpose:
 * it is reported, not revoked.
 * @throws KitError exit 5 with the REVOKE statement
 */
export function requireNoMembership(where: string, { memberships }: Facts, role: string): void {
  if (memberships.length === 0) return
  throw new KitError(`${where}: role ${role} has the rights of ${memberships.join(', ')} too`, {
    exitCode: exitCodes.conflict,
    details: [`An application’s role has its own database and nothing else. ${written()}`],
    hint: `as superuser: REVOKE ${memberships.map(quoteName).join(', ')} FROM ${quoteName(role)};`,
  })
}

/**
 * Requires that no other role may create schemas in an application's database or is a member of its owner. Such a right
 * was granted by an operator on purpose: it is reported, not revoked.
 * @throws KitError exit 5 with the REVOKE statements
 */
export function requireNoForeignRights(
  where: string,
  { grants, members }: Facts,
  { name, owner }: Database,
): void {
  const makers = grants.filter(({ rights }) => rights.split(', ').includes('CREATE')).map(({ role }) => role)
  const found = [
    ...(makers.length === 0 ? [] : [`${makers.join(', ')} may CREATE in database ${name}`]),
    ...(members.length === 0 ? [] : [`${members.join(', ')} has all rights of role ${owner}`]),
  ]
  if (found.length === 0) return
  const cures = [
    ...makers.map((role) => `REVOKE CREATE ON DATABASE ${quoteName(name)} FROM ${quoteName(role)};`),
    ...members.map((role) => `REVOKE ${quoteName(owner)} FROM ${quoteName(role)};`),
  ]
  throw new KitError(`${where}: ${found.join('; ')}`, {
    exitCode: exitCodes.conflict,
    details: [`Only its owner works in an application’s database. ${written()}`],
    hint: `as superuser: ${cures.join(' ')}`,
  })
}

/** Warns of roles that may connect beside the owner, for backups or metrics: their rights are kept. */
export function warnOfGrants(where: string, { grants }: Facts, name: string, { warn }: Reporter): void {
  for (const { role, rights } of grants) {
    const on = `${rights} ON DATABASE ${quoteName(name)}`
    warn(
      `${where}: role ${role} has ${rights} on database ${name} beside its owner`,
      `nothing, if you gave it; else as superuser: REVOKE ${on} FROM ${quoteName(role)};`,
    )
  }
}

/**
 * Requires that an existing role without its database is unused, as a killed run leaves it. Another application may use
 * it otherwise: a new password would lock that one out.
 * @param fits true when the role can log in with the password of the settings
 * @throws KitError exit 5 when it owns or uses other databases and has another password
 */
export function requireOurRole(
  where: string,
  { owner, roleInUse }: Facts,
  role: string,
  fits: boolean,
): void {
  if (owner !== undefined || fits || !roleInUse) return
  throw new KitError(`${where}: role ${role} belongs to another application`, {
    exitCode: exitCodes.conflict,
    details: [`It owns or uses other databases, and has another password than ours. ${written()}`],
    hint: `use another environment name; if it is not needed any more: DROP OWNED BY ${quoteName(role)} in its databases, then DROP ROLE ${quoteName(role)}`,
  })
}

// Logins with the application's own role.

/**
 * True when the password is right.
 * @throws KitError exit 6, 7 or 8 when the login fails for a reason that says nothing about the password
 */
export async function canLogIn(login: Login): Promise<boolean> {
  try {
    await (await logIn(login)).end()
    return true
  } catch (thrown) {
    if (isWrongPassword(thrown)) return false
    // A busy application may use every connection of its role.
    if (isRightPassword(thrown)) return true
    throw thrown
  }
}

/**
 * Logs in as the application and requires that it may create tables in schema public, and owns those that are there.
 * Passes when the session is refused after the password was accepted.
 * @param where the server, in messages
 * @throws KitError exit 6, 7 or 8 when the login fails, exit 9 without that right, exit 5 for another role's tables;
 *   pg's error when a query fails
 */
export async function requireOwnSchema(login: Login, where: string): Promise<void> {
  const connection = await logIn(login).catch((thrown: unknown) => {
    if (!isRightPassword(thrown)) throw thrown
  })
  if (connection === undefined) return
  try {
    const { rows } = await connection.query<{ may: boolean }>(
      `select has_schema_privilege(current_user, 'public', 'CREATE') as may`,
    )
    if (rows[0]?.may === true) return await requireOwnTables(connection, login, where)
  } finally {
    await connection.end()
  }
  throw new KitError(`${login.user} may not create tables in database ${login.database}`, {
    exitCode: exitCodes.rolloutFailed,
    hint: `as superuser, in that database: GRANT CREATE ON SCHEMA public TO ${quoteName(login.user)}`,
  })
}
