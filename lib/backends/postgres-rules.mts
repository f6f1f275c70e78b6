import { exitCodes, KitError } from '../base/errors.mts'
import type { Reporter } from '../base/log.mts'
import { commentOf, type Database, type Facts } from './postgres-facts.mts'
import {
  quoteName,
  quoteText,
  isRightPassword,
  isWrongPassword,
  logIn,
  type Login,
} from './postgres-login.mts'

/** Connections of the server that stay free of every application: superuser, backup, monitoring. */
const reserved = 20

/** @throws KitError for each reason why the database must not or cannot be made here */
export function requireUsable(
  where: string,
  user: string,
  facts: Facts,
  { name, owner, connections }: Database,
  claim: string,
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
  if (facts.owner !== undefined && facts.owner !== owner && !isHalfMade(facts, user, claim)) {
    throw new KitError(`${where}: database ${name} belongs to ${facts.owner}, not to ${owner}`, {
      exitCode: exitCodes.worldMoved,
      details: ['Nothing was written.'],
      hint: `if it is yours: ALTER DATABASE ${quoteName(name)} OWNER TO ${quoteName(owner)}; else use another environment name`,
    })
  }
  if (facts.claim !== undefined && facts.claim !== claim) {
    throw new KitError(`${where}: database ${name} is another installation's`, {
      exitCode: exitCodes.worldMoved,
      details: [
        `claimed by: ${facts.claim}`,
        `this run is: ${claim}`,
        'Two installations on one database would lock each other out. Nothing was written.',
      ],
      hint: `use another environment name; if the other one is gone for good: COMMENT ON DATABASE ${quoteName(name)} IS ${quoteText(commentOf(facts.words))}`,
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

/** A database a killed run began and has not given to its owner yet. */
const isHalfMade = (facts: Facts, user: string, claim: string): boolean =>
  facts.owner === user &&
  (facts.claim === claim || (facts.claim === undefined && !facts.takesConnections && facts.words === ''))

/**
 * Rights that come from other roles are somebody's own decision: they are not taken away in silence.
 * @throws KitError exit 5
 */
export function requireNoMembership(where: string, { memberships }: Facts, role: string): void {
  if (memberships.length === 0) return
  throw new KitError(`${where}: role ${role} has the rights of ${memberships.join(', ')} too`, {
    exitCode: exitCodes.worldMoved,
    details: ['An application’s role has its own database and nothing else. Nothing was written.'],
    hint: `as superuser: REVOKE ${memberships.map(quoteName).join(', ')} FROM ${quoteName(role)};`,
  })
}

/**
 * Who may make schemas in an application's database, or has all rights of its role, works in it: not taken away in
 * silence either.
 * @throws KitError exit 5
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
    exitCode: exitCodes.worldMoved,
    details: ['Only its owner works in an application’s database. Nothing was written.'],
    hint: `as superuser: ${cures.join(' ')}`,
  })
}

/** A role of an operator's own that may connect, for backups or metrics, stays: the report names it. */
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
 * A role that is there before its database is what a killed run left, unless somebody works with it: a new password
 * would lock them out.
 * @param fits the role may log in with the password we have
 * @throws KitError exit 5
 */
export function requireOurRole(
  where: string,
  { owner, roleInUse }: Facts,
  role: string,
  fits: boolean,
): void {
  if (owner !== undefined || fits || !roleInUse) return
  throw new KitError(`${where}: role ${role} belongs to another application`, {
    exitCode: exitCodes.worldMoved,
    details: ['It owns or uses other databases, and has another password than ours. Nothing was written.'],
    hint: `use another environment name; if it is not needed any more: DROP OWNED BY ${quoteName(role)} in its databases, then DROP ROLE ${quoteName(role)}`,
  })
}

// Logins as the application itself will make them.

/** True when the role may log in with the password we have. @throws KitError when that cannot be told */
export async function canLogIn(login: Login): Promise<boolean> {
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
export async function requireOwnSchema(login: Login): Promise<void> {
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
