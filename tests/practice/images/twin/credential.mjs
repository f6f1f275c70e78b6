// Credentials as n8n keeps them: encrypted with the instance's key, useless without it.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

const keyOf = ({ N8N_ENCRYPTION_KEY: key }) => createHash('sha256').update(key).digest()

export function encrypt(data, env) {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', keyOf(env), nonce)
  const sealed = Buffer.concat([cipher.update(JSON.stringify(data)), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64')
}

/** Throws when it was encrypted with another key. */
export function decrypt(text, env) {
  const bytes = Buffer.from(text, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', keyOf(env), bytes.subarray(0, 12))
  decipher.setAuthTag(bytes.subarray(12, 28))
  return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]))
}
