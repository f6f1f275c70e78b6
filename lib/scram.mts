import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

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
