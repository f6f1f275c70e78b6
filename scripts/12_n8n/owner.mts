import { createHmac } from 'node:crypto'
import { encodeBase64, hashSync } from 'bcryptjs'
import { sensitiveLater, type Sensitive } from '../../lib/base/sensitive.mts'

/** The settings a hash is made of. */
interface Owner {
  readonly N8N_ENCRYPTION_KEY: Sensitive
  readonly N8N_OWNER_PASSWORD: Sensitive
  readonly N8N_OWNER_EMAIL: string
}

/** A run makes its objects more than once, and one hash takes 80 ms. By salt, which stands for everything a hash is made from. */
const hashes = new Map<string, Sensitive>()

/**
 * The owner's password as n8n wants it. The salt is derived, not drawn: the same password gives the same hash at
 * every run, and an unchanged Secret is an unchanged Secret. Only its uniqueness matters, which the key gives.
 */
export function ownerPasswordHash({
  N8N_ENCRYPTION_KEY: key,
  N8N_OWNER_PASSWORD: password,
  N8N_OWNER_EMAIL: email,
}: Owner): Sensitive {
  const bytes = createHmac('sha256', key.reveal()).update(`owner ${email} ${password.reveal()}`).digest()
  const salt = `$2b$10$${encodeBase64(bytes, 16)}`
  const made = hashes.get(salt) ?? sensitiveLater(() => hashSync(password.reveal(), salt))
  hashes.set(salt, made)
  return made
}
