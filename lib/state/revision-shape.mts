import { fields, anyText, listOf, mapOf, oneOf, optional, text, wholeNumber } from '../base/shape.mts'
import type { Manifest } from '../kube/types.mts'
import type { Revision } from './revision.mts'

// The shape of a revision in the cluster. Unknown fields, of newer kits, are kept and written back unchanged.

const metaShape = fields({
  number: wholeNumber,
  module: text,
  env: text,
  state: oneOf(['pending', 'applied', 'validated', 'adopted', 'uninstalled'] as const),
  who: text,
  when: text,
  kit: text,
  images: mapOf(anyText),
  tested: optional(fields({ when: text, checks: wholeNumber, failed: wholeNumber })),
  passed: optional(fields({ when: text, checks: wholeNumber })),
  drills: optional(mapOf(text)),
  rollbackOf: optional(wholeNumber),
  schema: optional(anyText),
  begun: optional(listOf(text)),
  madeWith: optional(fields({ values: mapOf(anyText), secrets: listOf(text), kept: optional(mapOf(text)) })),
  parts: optional(listOf(text)),
})

/** A revision without its manifests, as in its head Secret. `parts` are the names of Secrets with further manifests. */
export type Meta = Omit<Revision, 'manifests'> & { readonly parts?: readonly string[] }

/** Parses the `meta` of a head Secret. @throws Misfit naming the field; SyntaxError when it is not JSON */
export function metaIn(json: string): Meta {
  const meta: unknown = JSON.parse(json)
  metaShape(meta, 'meta')
  return meta as Meta
}

const manifestsShape = listOf(
  fields({
    apiVersion: text,
    kind: text,
    metadata: fields({
      name: text,
      namespace: optional(text),
      labels: optional(mapOf(anyText)),
      annotations: optional(mapOf(anyText)),
    }),
  }),
)

/** Parses the manifests of a revision. @throws Misfit naming the field; SyntaxError when it is not JSON */
export function manifestsIn(json: string): Manifest[] {
  const manifests: unknown = JSON.parse(json)
  manifestsShape(manifests, 'manifests')
  return manifests as Manifest[]
}
