import { fields, anyText, listOf, mapOf, oneOf, optional, text, wholeNumber } from '../base/shape.mts'
import type { Manifest } from '../kube/types.mts'
import type { Revision } from './revision.mts'

// What a revision in the cluster must look like. Fields of newer kits stay: they are written back as they came.

const metaShape = fields({
  number: wholeNumber,
  module: text,
  env: text,
  state: oneOf(['pending', 'applied', 'validated', 'adopted', 'uninstalled'] as const),
  when: text,
  images: mapOf(anyText),
  tested: optional(fields({ when: text, checks: wholeNumber, failed: wholeNumber })),
  passed: optional(fields({ when: text, checks: wholeNumber })),
  drills: optional(mapOf(text)),
  rollbackOf: optional(wholeNumber),
  schema: optional(anyText),
  begun: optional(listOf(text)),
  parts: optional(listOf(text)),
})

/** Where a revision is kept: its head names the Secrets its parts are in. */
export type Meta = Omit<Revision, 'manifests'> & { readonly parts?: readonly string[] }

/** @throws Misfit naming the field; SyntaxError when it is not JSON */
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

/** @throws Misfit naming the field; SyntaxError when it is not JSON */
export function manifestsIn(json: string): Manifest[] {
  const manifests: unknown = JSON.parse(json)
  manifestsShape(manifests, 'manifests')
  return manifests as Manifest[]
}
