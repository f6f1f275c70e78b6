import { createHmac } from 'node:crypto'
import { encodeBase64, hashSync } from 'bcryptjs'
import { sensitiveLater, type Sensitive } from '../../lib/base/sensitive.mts'

/** The settings that a hash depends on. */
interface Owner {
  readonly N8N_ENCRYPTION_KEY: Sensitive
  readonly N8N_OWNER_PASSWORD: Sensitive
  readonly N8N_OWNER_EMAIL: string
}

/** Hashes by salt, which depends on all of these settings. A run needs a hash repeatedly, and each takes 80 ms. */
const hashes = new Map<string, Sensitive>()

/**
 * The bcrypt hash of the owner's password, as n8n expects it. The salt is derived and not random: the same password has
 * the same hash in every run, and the Secret does not change. A salt only has to be unique, which the key ensures.
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
