import { commentOf, type Database, type Facts } from './postgres-facts.mts'
import { quoteName, quoteText } from './postgres-login.mts'
import type { Change } from '../base/writes.mts'
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

/** One connection more than the application uses: the kit logs in as the owner too. */
const ownConnections = 1

/**
 * The changes to role and database, for the plan and as SQL: `statements`, then extensions in a new database, then
 * `handover`, which makes the role its owner. Pure except for the salt of a new password.
 * @param passwordFits true when the role can log in with the password of the settings
 * @param claim from `claimOf`
 */
export function planDatabase(
  { name, owner, password, ...promised }: Database,
  facts: Facts,
  passwordFits: boolean,
  claim: string,
): { changes: Change[]; statements: string[]; handover: string[] } {
  const [role, database] = [quoteName(owner), quoteName(name)]
  const secret = () => `PASSWORD ${quoteText(scramVerifier(password.reveal()))}`
  const connections = promised.connections + ownConnections
  const changes: Change[] = []
  const statements: string[] = []
  if (facts.roleLimit === undefined) {
    const fields = [`connection limit   ${connections}`]
    changes.push({ sign: '+', what: `PostgreSQL role ${owner}`, fields })
    statements.push(`CREATE ROLE ${role} LOGIN NOSUPERUSER CONNECTION LIMIT ${connections} ${secret()}`)
  } else {
    const fields = [
      ...facts.roleAttributes.map((word) => `${word} -> NO${word}`),
      ...(facts.loginForbidden ? ['NOLOGIN -> LOGIN'] : []),
      ...(facts.expired === undefined ? [] : [`password valid until   ${facts.expired} -> infinity`]),
      ...(passwordFits ? [] : ['password   changed (not shown)']),
      ...(facts.roleLimit === connections ? [] : [`connection limit   ${facts.roleLimit} -> ${connections}`]),
    ]
    if (fields.length > 0) changes.push({ sign: '~', what: `PostgreSQL role ${owner}`, fields })
    const attributes = [
      ...facts.roleAttributes.map((word) => `NO${word}`),
      ...(facts.loginForbidden ? ['LOGIN'] : []),
      ...(facts.expired === undefined ? [] : [`VALID UNTIL 'infinity'`]),
    ]
    if (attributes.length > 0) statements.push(`ALTER ROLE ${role} ${attributes.join(' ')}`)
    if (!passwordFits) statements.push(`ALTER ROLE ${role} ${secret()}`)
    if (facts.roleLimit !== connections) statements.push(`ALTER ROLE ${role} CONNECTION LIMIT ${connections}`)
  }
  const [isNew, isOwned] = [facts.owner === undefined, facts.owner === owner]
  // A database that is not handed over yet is opened here; one that its role owns may have been closed on purpose.
  const isOpened = isNew || (!isOwned && !facts.takesConnections)
  if (isNew) {
    changes.push({ sign: '+', what: `PostgreSQL database ${name}` })
    // No connections until CONNECT is revoked from PUBLIC, even when the run is killed in between.
    statements.push(`CREATE DATABASE ${database} ENCODING 'UTF8' TEMPLATE template0 ALLOW_CONNECTIONS false`)
  } else {
    const kept = facts.words === '' ? [] : ['its comment stays, below the claim']
    const fields = [
      ...(facts.claim === undefined ? [`claim   (none) -> ${claim}`, ...kept] : []),
      ...facts.publicRights.map((right) => `${right} of every role   granted -> revoked`),
      ...(isOpened ? ['connections   refused -> accepted'] : []),
    ]
    if (fields.length > 0) changes.push({ sign: '~', what: `PostgreSQL database ${name}`, fields })
  }
  const publicRights = isNew ? ['CONNECT'] : facts.publicRights
  if (publicRights.length > 0) {
    statements.push(`REVOKE ${publicRights.join(', ')} ON DATABASE ${database} FROM PUBLIC`)
  }
  if (facts.claim === undefined) {
    statements.push(`COMMENT ON DATABASE ${database} IS ${quoteText(commentOf(facts.words, claim))}`)
  }
  if (isOpened) statements.push(`ALTER DATABASE ${database} WITH ALLOW_CONNECTIONS true`)
  return { changes, statements, handover: isOwned ? [] : handOver(role, database, facts.superuser) }
}

/** The last statements for a new database: afterwards the superuser never logs in to it. */
const handOver = (role: string, database: string, isSuperuser: boolean): string[] => [
  // Only a member of a role may make that role an owner; a superuser needs no membership.
  ...(isSuperuser ? [] : [`GRANT ${role} TO CURRENT_USER`]),
  `ALTER DATABASE ${database} OWNER TO ${role}`,
]

const iterations = 4096

// SASLprep (RFC 4013), as far as it changes a password. libpq and node-postgres do the same before they hash, so
// a verifier of the raw text would refuse every password with such a character in it.
const spaces = /[\u00A0\u1680\u2000-\u200B\u202F\u205F\u3000]/g
const nothing = /\u00AD|\u034F|\u1806|[\u180B-\u180D]|\u200C|\u200D|\u2060|[\uFE00-\uFE0F]|\uFEFF/g
const prepared = (password: string): string =>
  password.replace(spaces, ' ').replace(nothing, '').normalize('NFKC')

/**
 * A password as PostgreSQL stores it (SCRAM-SHA-256, RFC 5802 and 7677), computed here so that the clear one
 * reaches neither the server's log nor its activity view.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  const salted = pbkdf2Sync(prepared(password), salt, iterations, 32, 'sha256')
  const key = (name: string) => createHmac('sha256', salted).update(name).digest()
  const stored = createHash('sha256').update(key('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${key('Server Key').toString('base64')}`
}
