import { exitCodes, KitError, type ExitCode } from './errors.mts'
import { nearest } from './nearest.mts'
import { redact, shortened } from './sensitive.mts'

// The structure a document from outside must have, and the error that names the field which differs. The error never
// shows a value: it may be a password.

/** Reads one value. @param path the field: `users[0].user`, empty for the whole file @throws Misfit naming the field */
export type Shape<T> = (value: unknown, path: string) => T

/** A value of the wrong type or form. Not a KitError: readShape makes one of it. */
export class Misfit extends Error {
  /** The field; empty for the whole file. */
  readonly path: string

  /** @param path the field; empty for the whole file */
  constructor(path: string, what: string) {
    const shown = redact(path)
    super(shown === '' ? what : `${shown} ${what}`)
    this.name = 'Misfit'
    this.path = shown
  }
}

/**
 * Reads a document from outside, already parsed from JSON, YAML or .env.
 * @param file its name as shown to operators
 * @param hint what to do about an invalid field
 * @throws KitError naming file and field: exit 2 unless another `exitCode` is given
 */
export function readShape<T>(
  file: string,
  shape: Shape<T>,
  value: unknown,
  { hint, exitCode = exitCodes.usage }: { hint: string; exitCode?: ExitCode },
): T {
  try {
    return shape(value, '')
  } catch (cause) {
    if (!(cause instanceof Misfit)) throw cause
    throw new KitError(`${file}: ${cause.message}`, { exitCode, hint, cause })
  }
}

/** A value's type, as JSON and YAML name it. */
function kindOf(value: unknown): string {
  if (value === null) return 'is null'
  if (Array.isArray(value)) return 'is a list'
  if (typeof value === 'object') return 'is a map'
  return typeof value === 'string' ? 'is text' : `is a ${typeof value}`
}

const misfit = (value: unknown, path: string, wanted: string): Misfit =>
  new Misfit(path, value === undefined ? 'is missing' : `${kindOf(value)}, not ${wanted}`)

/** Text, which may be empty. */
export const anyText: Shape<string> = (value, path) => {
  if (typeof value !== 'string') throw misfit(value, path, 'text')
  return value
}

/** Text of at least one character. */
export const text: Shape<string> = (value, path) => {
  if (value === '') throw new Misfit(path, 'is empty')
  return anyText(value, path)
}

/** One of these words. */
export const oneOf =
  <const W extends string>(words: readonly W[]): Shape<W> =>
  (value, path) => {
    const word = words.find((one) => one === value)
    if (word === undefined) throw new Misfit(path, `must be one of ${words.join(', ')}`)
    return word
  }

/** An integer that a double holds exactly. */
export const wholeNumber: Shape<number> = (value, path) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw misfit(value, path, 'a whole number')
  return value
}

/** A field that may be left out. */
export const optional =
  <T,>(shape: Shape<T>): Shape<T | undefined> =>
  (value, path) =>
    value === undefined ? undefined : shape(value, path)

/** A field that may be absent or null, such as `clusters:` without a value in an empty kubeconfig. */
export const optionalOrNull =
  <T,>(shape: Shape<T>): Shape<T | undefined> =>
  (value, path) =>
    value === undefined || value === null ? undefined : shape(value, path)

/** Characters of a key in a path, at most. */
const longestKey = 60

/** A list whose items all have this shape. */
export const listOf =
  <T,>(shape: Shape<T>): Shape<T[]> =>
  (value, path) => {
    if (!Array.isArray(value)) throw misfit(value, path, 'a list')
    return value.map((item: unknown, at) => shape(item, `${path}[${at}]`))
  }

const entriesOf = (value: unknown, path: string): [string, unknown][] => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw misfit(value, path, 'a map')
  return Object.entries(value)
}

/**
 * The path of a map's field. A key comes from outside too: a long one is shortened, and Misfit redacts the whole. Paths
 * are made for each field of each response, and shown for very few.
 */
const below = (path: string, key: string): string =>
  `${path === '' ? '' : `${path}.`}${key.length > longestKey ? shortened(key, longestKey) : key}`

/** Any value, as it is. */
export const anything: Shape<unknown> = (value) => value

/** A map with any keys, whose values all have this shape. */
export const mapOf =
  <T,>(shape: Shape<T>): Shape<Record<string, T>> =>
  (value, path) =>
    Object.fromEntries(entriesOf(value, path).map(([key, one]) => [key, shape(one, below(path, key))]))

/** The type that a record of shapes reads. */
export type Read<S extends Record<string, Shape<unknown>>> = {
  [K in keyof S as undefined extends ReturnType<S[K]> ? never : K]: ReturnType<S[K]>
} & {
  [K in keyof S as undefined extends ReturnType<S[K]> ? K : never]?: Exclude<ReturnType<S[K]>, undefined>
}

/** A map with these fields; other fields are ignored. Absent fields stay absent. */
export const fields =
  <S extends Record<string, Shape<unknown>>>(shapes: S): Shape<Read<S>> =>
  (value, path) => {
    const found = new Map(entriesOf(value, path))
    const read = Object.entries(shapes).flatMap(([key, shape]) => {
      const one = shape(found.get(key), below(path, key))
      return one === undefined ? [] : [[key, one]]
    })
    return Object.fromEntries(read) as Read<S>
  }

/** A map with these fields and no others: a misspelt field would otherwise be ignored silently. */
export const onlyFields = <S extends Record<string, Shape<unknown>>>(shapes: S): Shape<Read<S>> => {
  const read = fields(shapes)
  const known = Object.keys(shapes)
  return (value, path) => {
    const unknown = entriesOf(value, path).find(([key]) => !known.includes(key))
    if (unknown === undefined) return read(value, path)
    throw new Misfit(
      below(path, unknown[0]),
      `is not known there: did you mean ${nearest(shortened(unknown[0], 60), known)}?`,
    )
  }
}
