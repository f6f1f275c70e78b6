import { createHmac } from 'node:crypto'
import type { Sensitive } from '../base/sensitive.mts'
import type { RawValues } from '../settings/settings.mts'
import { isValidated, type Revision } from './revision.mts'

// Pure. Which encryption keys a validated revision ran with. A revision holds no secret, but an HMAC of each setting with
// `keep`: the key that stands in a live Secret may be one that a failed start generated, and then protects nothing.

/** An HMAC of a secret with the cluster's checksum key, and before it the name of that key: `1f0c22ab.9d01...`. */
export type Fingerprint = (secret: string) => string

/** The function that makes fingerprints. @param key the cluster's checksum key: another one makes them incomparable */
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

/** Without a fingerprint of this checksum key it did, unless the Secret was created after it was validated. */
function ranWith(revision: Revision, key: string, now: string, since: string | undefined): boolean {
  const then = revision.madeWith?.kept?.[key]
  const nameOf = (one: string) => one.split('.')[0]
  if (then !== undefined && nameOf(then) === nameOf(now)) return then === now
  const when = revision.passed?.when ?? revision.tested?.when ?? revision.when
  return since === undefined || !(Date.parse(since) > Date.parse(when))
}
