import { createHmac } from 'node:crypto'
import type { Sensitive } from '../base/sensitive.mts'
import type { RawValues } from '../settings/settings.mts'
import { isValidated, type Revision } from './revision.mts'

// Pure. Which encryption keys a validated revision ran with. A revision contains no secret, but an HMAC of each setting
// with `keep`: a key in a live Secret may be one that a failed start generated, and then no data depends on it.

/** Makes an HMAC of a secret with the cluster's checksum key, after the name of that key: `1f0c22ab.9d01...`. */
export type Fingerprint = (secret: string) => string

/** Makes a Fingerprint. @param key the cluster's checksum key: fingerprints by another key cannot be compared */
export function fingerprintBy(key: Sensitive): Fingerprint {
  const hmac = (text: string) => createHmac('sha256', key.reveal()).update(text).digest('hex')
  const name = hmac('checksum-key').slice(0, 8)
  return (secret) => `${name}.${hmac(`keep ${secret}`)}`
}

/** The values of live Secrets, and when each one's Secret was created (ISO 8601, UTC), by setting key. */
export interface LiveValues {
  readonly values: RawValues
  readonly since: RawValues
}

/**
 * The keys of live values that no validated revision ran with.
 * @param revisions those of the module in this environment
 */
export function unprovenKeys(
  revisions: readonly Revision[],
  { values, since }: LiveValues,
  fingerprint: Fingerprint,
): ReadonlySet<string> {
  const validated = revisions.filter(isValidated)
  const isProven = ([key, value]: readonly [string, string]) =>
    validated.some((one) => ranWith(one, key, fingerprint(value), since[key]))
  return new Set(Object.entries(values).flatMap((one) => (isProven(one) ? [] : [one[0]])))
}

/**
 * True when a validated revision ran with a live value: by its fingerprint; without one made with this checksum key,
 * unless the Secret was created after the revision was validated.
 */
function ranWith(revision: Revision, key: string, now: string, since: string | undefined): boolean {
  const then = revision.madeWith?.kept?.[key]
  const nameOf = (one: string) => one.split('.')[0]
  if (then !== undefined && nameOf(then) === nameOf(now)) return then === now
  const when = revision.passed?.when ?? revision.tested?.when ?? revision.when
  return since === undefined || !(Date.parse(since) > Date.parse(when))
}
