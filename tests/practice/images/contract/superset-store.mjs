// What the stand-in of Superset keeps: passwords of connections, encrypted by its key as the real one does.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

/** Begins the keys of results in Redis. */
export const results = 'superset-results-'

const keyOf = (secret) => createHash('sha256').update(secret).digest()

export function encrypt(secret, text) {
  const start = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret), start)
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([start, cipher.getAuthTag(), sealed]).toString('base64')
}

/** @throws Error with the words of the real one when another key wrote it */
export function decrypt(secret, stored) {
  const all = Buffer.from(stored, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', keyOf(secret), all.subarray(0, 12))
  decipher.setAuthTag(all.subarray(12, 28))
  try {
    return Buffer.concat([decipher.update(all.subarray(28)), decipher.final()]).toString('utf8')
  } catch {
    throw new Error('Invalid decryption key')
  }
}

export const tables = `
  CREATE TABLE IF NOT EXISTS alembic_version (version_num text PRIMARY KEY);
  CREATE TABLE IF NOT EXISTS ab_user (username text PRIMARY KEY, email text, hash text);
  CREATE TABLE IF NOT EXISTS ab_role (id serial PRIMARY KEY, name text UNIQUE);
  CREATE TABLE IF NOT EXISTS ab_permission_view_role (id serial PRIMARY KEY, role_id integer);
  CREATE TABLE IF NOT EXISTS dbs (id serial PRIMARY KEY, database_name text UNIQUE, secret text);
  CREATE TABLE IF NOT EXISTS query (id serial PRIMARY KEY, database_id integer, sql text, status text DEFAULT 'pending',
    results_key text, error_message text)`
