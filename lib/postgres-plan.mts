import { commentOf, type Database, type Facts } from './postgres-facts.mts'
import { quoteName, quoteText } from './postgres-login.mts'
import { scramVerifier } from './scram.mts'
import type { Change } from './writes.mts'

/** What must be done, as the plan shows it and as SQL. Pure but for the salt of a new password. */
export function planDatabase(
  { name, owner, password, connections }: Database,
  facts: Facts,
  passwordFits: boolean,
  claim: string,
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
  } else if (facts.claim === undefined) {
    const kept = facts.words === '' ? [] : ['its comment stays, below the claim']
    const fields = [`claim   (none) -> ${claim}`, ...kept]
    changes.push({ sign: '~', what: `PostgreSQL database ${name}`, fields })
  }
  if (facts.claim === undefined) {
    statements.push(`COMMENT ON DATABASE ${database} IS ${quoteText(commentOf(facts.words, claim))}`)
  }
  return { changes, statements }
}
