import { inspect } from 'node:util'
import { lazily } from './lazy.mts'

/** A value that must never be shown: it prints as `***` in every form; only `reveal` returns it. */
export interface Sensitive {
  reveal(): string
  toString(): '***'
  toJSON(): '***'
}

const known = new Set<string>()

/** The same, longest first: one may be within another. Made when it is needed after a change. */
let ordered: readonly string[] | undefined

const telling = /pass(word|wd|phrase)?|secret|token|credential|api[-_.]?key|private[-_.]?key/i

/** True for a name which says that its value is a secret: `DB_PASSWORD`. */
export const saysSecret = (name: string): boolean => telling.test(name)

/** Fewest characters of a value that `redact` replaces: shorter ones occur in ordinary words. Settings refuse them. */
export const shortestSensitive = 4

/**
 * Wraps a value and remembers it, so that `redact` finds it in any text from now on.
 * @param shortest characters; a shorter value still prints as `***`, but is not replaced in other text
 */
export function sensitive(value: string, shortest = shortestSensitive): Sensitive {
  for (const form of formsOf(value, shortest)) known.add(form)
  ordered = undefined
  return hidden(() => value)
}

/** As `sensitive`, for a value that takes long to make: it is made, and remembered, when it is first revealed. */
export const sensitiveLater = (make: () => string): Sensitive =>
  hidden(lazily(() => sensitive(make()).reveal()))

const hidden = (reveal: () => string): Sensitive =>
  ({
    reveal,
    toString: () => '***',
    toJSON: () => '***',
    // Node's own hook for console.log, error messages and assertion diffs.
    [inspect.custom]: () => '***',
  }) as Sensitive

/** True for a value made by `sensitive`. */
export const isSensitive = (value: unknown): value is Sensitive =>
  typeof value === 'object' && value !== null && 'reveal' in value && typeof value.reveal === 'function'

/** Replaces every sensitive value made so far, in each form in which programs print it, by `***`. */
export function redact(text: string): string {
  ordered ??= [...known].toSorted(longestFirst)
  let clean = text
  for (const form of ordered) clean = clean.replaceAll(form, '***')
  return clean
}

/** True when a text has this value, in any form in which programs print it. */
export const isWithin = (value: Sensitive, text: string): boolean =>
  formsOf(value.reveal(), shortestSensitive).some((form) => text.includes(form))

/**
 * Shortens text from outside for a message. Sensitive values are replaced first: a password cut in two would leave its
 * beginning, which redact does not find.
 * @param most characters
 */
export function shortened(text: string, most: number): string {
  const clean = redact(text)
  return clean.length > most ? `${clean.slice(0, most - 1)}…` : clean
}

const longestFirst = (a: string, b: string) => b.length - a.length

/**
 * Fewest characters of a line that is redacted alone: shorter ones occur in other texts too. Lines of a PEM have 64,
 * its last one fewer.
 */
const shortestLine = 16

/**
 * The forms in which programs print a value: raw and each line of it alone, in JSON, in JSON within JSON, in URLs, in
 * shell quotes, in base64 alone or inside something longer.
 */
function formsOf(value: string, shortest: number): string[] {
  if (value.length < shortest) return []
  const lines = value.split(/\r?\n/)
  // The boundaries of a PEM, `-----BEGIN ...`, are the same in every PEM.
  const secretLines = lines.filter((line) => line.length >= shortestLine && !line.startsWith('-----'))
  const json = inJson(value)
  const percent = [encodeURIComponent(value), strictlyPercent(value)]
  const base64 = [Buffer.from(value).toString('base64'), ...embeddedBase64(value)]
  return [
    value,
    ...(lines.length > 1 ? secretLines.flatMap((line) => [line, ...embeddedBase64(line)]) : []),
    json,
    inJson(json),
    // Go's encoding/json, which kubectl and Kubernetes write with.
    json.replaceAll(/[<>&]/g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`),
    ...percent,
    ...percent.map((form) => form.replaceAll(/%[0-9A-F]{2}/g, (one) => one.toLowerCase())),
    ...percent.map((form) => form.replaceAll('%20', '+')),
    // SQLAlchemy 1.4: Superset prints its own address with its password.
    value.replaceAll(/[:@/]/g, encodeURIComponent),
    value.replaceAll("'", `'\\''`),
    value.replaceAll("'", `''`),
    ...base64,
    ...base64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')),
  ].filter((form) => form.length >= shortestSensitive)
}

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1)

/** Percent-encodes everything but letters, digits and `-._~` (RFC 3986): encodeURIComponent leaves `!'()*` too. */
export const strictlyPercent = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)

/** The part of a value's base64 text that does not depend on its neighbours, for each offset in a 3-byte group. */
function embeddedBase64(value: string): string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), Buffer.from(value)]).toString('base64')
    const lead = offset === 0 ? 0 : offset + 1
    const whole = Math.floor(((offset + Buffer.byteLength(value)) * 8) / 6)
    return text.slice(lead, whole)
  })
}
