import { exitCodes } from '../base/errors.mts'
import {
  anyText,
  fields,
  listOf,
  optional,
  optionalOrNull,
  readShape,
  text,
  type Shape,
} from '../base/shape.mts'
import type { LiveObject } from './types.mts'

// Objects as kubectl prints them: the API server omits kind and apiVersion of list items, and includes managedFields.

const notOne = {
  hint: 'something else than an API server answers there: check the server address in the kubeconfig',
  exitCode: exitCodes.preflight,
} as const

const object: Shape<LiveObject> = (value, path) => {
  fields({ metadata: fields({}) })(value, path)
  return value as LiveObject
}

const list = fields({ kind: anyText, apiVersion: optional(anyText), items: optionalOrNull(listOf(object)) })

const versioned = fields({ metadata: fields({ resourceVersion: text }) })

/**
 * The objects of a list response, each with kind and apiVersion by those of the list.
 * @param answer the response body, parsed from JSON
 * @param words the kubectl command for the same request, for the error
 * @throws KitError exit 3 when it is not a list of objects
 */
export function itemsIn(answer: unknown, words: readonly string[]): LiveObject[] {
  const {
    kind,
    apiVersion = 'v1',
    items = [],
  } = readShape(`kubectl ${words.join(' ')}`, list, answer, notOne)
  return items.map((one) => Object.assign({ apiVersion, kind: kind.replace(/List$/, '') }, one))
}

/** The resourceVersion of a list response: a watch from it misses nothing. @param words as for itemsIn @throws as itemsIn */
export const versionIn = (answer: unknown, words: readonly string[]): string =>
  readShape(`kubectl ${words.join(' ')}`, versioned, answer, notOne).metadata.resourceVersion

/** The object of a response. @param words as for itemsIn @throws KitError exit 3 when it is not an object */
export const objectIn = (answer: unknown, words: readonly string[]): LiveObject =>
  readShape(`kubectl ${words.join(' ')}`, object, answer, notOne)

/**
 * An object as kubectl prints it: keys in alphabetical order, so that a plan names fields in one order whatever their
 * source, and managedFields only when `managedFields` is true; these as they came, for nobody prints them.
 */
export function asPrinted(live: LiveObject, managedFields: boolean): LiveObject {
  const { managedFields: owners, ...metadata } = live.metadata
  const printed = sorted({ ...live, metadata }) as LiveObject
  return managedFields && owners !== undefined
    ? { ...printed, metadata: { ...printed.metadata, managedFields: owners } }
    : printed
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  )
}
