import { inspect } from 'node:util'

/** A value that must never be seen: every text form of it is `***`; only `reveal` gives it. */
export interface Sensitive {
  reveal(): string
  toString(): '***'
  toJSON(): '***'
}

const known = new Set<string>()

/** Shorter values stand in ordinary words too often to be cut out of text; settings refuse them. */
export const shortestSensitive = 4

/**
 * Wraps a value and remembers it, so that `redact` finds it in any text from now on.
 * @param shortest a shorter value is hidden where it stands, but not cut out of other text
 */
export function sensitive(value: string, shortest = shortestSensitive): Sensitive {
  for (const form of formsOf(value, shortest)) known.add(form)
  return hidden(() => value)
}

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

/** Replaces every known sensitive value, in each form it may have been written in, by `***`. */
export function redact(text: string): string {
  let clean = text
  for (const form of [...known].toSorted(longestFirst)) clean = clean.replaceAll(form, '***')
  return clean
}

/**
 * Foreign text in a message: sensitive values go first, then what is too long. The other way round the beginning of a
 * password would be left, in a form nobody looks for.
 * @param most characters
 */
export function shortened(text: string, most: number): string {
  const clean = redact(text)
  return clean.length > most ? `${clean.slice(0, most - 1)}…` : clean
}

const longestFirst = (a: string, b: string) => b.length - a.length

/** The forms a value takes on its way: raw, JSON, URL, shell quotes, base64 alone or inside something longer. */
function formsOf(value: string, shortest: number): string[] {
  if (value.length < shortest) return []
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    value.replaceAll("'", `'\\''`),
    value.replaceAll("'", `''`),
    Buffer.from(value).toString('base64'),
    ...embeddedBase64(value),
  ].filter((form) => form.length >= shortestSensitive)
}

/** What stays the same of a value's base64 text when it begins at byte 0, 1 or 2 of a group of three. */
function embeddedBase64(value: string): string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), Buffer.from(value)]).toString('base64')
    const lead = offset === 0 ? 0 : offset + 1
    const whole = Math.floor(((offset + Buffer.byteLength(value)) * 8) / 6)
    return text.slice(lead, whole)
  })
}
