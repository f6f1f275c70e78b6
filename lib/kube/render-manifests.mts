import { parseAllDocuments } from 'yaml'
import { exitCodes, KitError } from '../base/errors.mts'
import { shortened } from '../base/sensitive.mts'
import { fields, listOf, mapOf, anyText, optionalOrNull, readShape, text } from '../base/shape.mts'
import type { Manifest } from './types.mts'

// The objects in what helm prints.

const hint = 'use the chart this kit’s versions.json names'

const manifest = fields({
  apiVersion: text,
  kind: text,
  metadata: fields({
    name: text,
    namespace: optionalOrNull(text),
    labels: optionalOrNull(mapOf(anyText)),
    annotations: optionalOrNull(mapOf(anyText)),
  }),
})

/** The documents of a render, as plain values. @throws KitError exit 3 when it is not YAML */
export function documentsIn(output: string): unknown[] {
  const documents = parseAllDocuments(output, {
    prettyErrors: false,
    keepSourceTokens: false,
    uniqueKeys: true,
  })
  const all = 'empty' in documents ? [] : documents
  const [bad] = all.flatMap(({ errors }) => errors)
  if (bad === undefined) return all.map(valueOf)
  throw new KitError(`the render of the chart is not YAML: ${shortened(bad.message, 200)}`, {
    exitCode: exitCodes.preflight,
    hint,
  })
}

/**
 * The objects of these documents. Fields that are null are left out: an apply would not own them, and compare them for
 * ever.
 * @throws KitError exit 3 when they are not of objects
 */
export function manifestsOf(documents: readonly unknown[]): Manifest[] {
  const values = documents.map(withoutNulls).filter((one) => one !== undefined)
  readShape('the render of the chart', listOf(manifest), values, { hint, exitCode: exitCodes.preflight })
  if (values.length > 0) return values as Manifest[]
  throw new KitError('the chart renders no objects', { exitCode: exitCodes.preflight, hint })
}

/** An alias that leads nowhere, or to too much, is found only here. */
function valueOf(document: { toJS: () => unknown }): unknown {
  try {
    return document.toJS()
  } catch (cause) {
    throw new KitError('the render of the chart is not plain YAML', {
      exitCode: exitCodes.preflight,
      hint,
      cause,
    })
  }
}

function withoutNulls(value: unknown): unknown {
  if (value === null) return undefined
  if (Array.isArray(value)) return value.map((one) => (one === null ? null : withoutNulls(one)))
  if (typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value as object).flatMap(([key, one]) => (one === null ? [] : [[key, withoutNulls(one)]])),
  )
}
