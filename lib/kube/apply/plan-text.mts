import { stringify } from 'yaml'
import { redact, shortened } from '../../base/sensitive.mts'
import type { FieldChange } from './diff.mts'
import { isHidden, withoutHidden } from './hidden-values.mts'
import type { Manifest } from '../types.mts'
import type { Change } from '../../base/writes.mts'

/** A plan as data, one line of JSON (README, "Data for programs"). */
export interface PlanDocument {
  readonly kind: 'plan'
  readonly module: string
  readonly env: string
  readonly cluster: string
  readonly revision: number | null
  readonly changes: readonly {
    readonly sign: string
    readonly what: string
    readonly fields: readonly string[]
  }[]
  readonly unchanged: number
}

/** One changed field as the plan shows it. For a secret value only that it changes is shown. */
export function fieldLines(manifest: Manifest, { path, before, after }: FieldChange): string {
  if (isHidden(manifest, path)) return `${path}   ${secretVerb(before, after)} (not shown)`
  return `${path}   ${shortly(before)} -> ${shortly(after)}`
}

const secretVerb = (before: unknown, after: unknown): string =>
  before === undefined ? 'new' : after === undefined ? 'deleted' : 'changed'

function shortly(value: unknown): string {
  if (value === undefined) return '(none)'
  const shown = withoutHidden(value)
  return shortened(typeof shown === 'string' ? shown : JSON.stringify(shown), 120)
}

/** The plan of one module as text for stdout. @param unchanged number of objects that stay as they are */
export function planText(heading: string, changes: readonly Change[], unchanged: number): string {
  const lines = changes.flatMap(({ sign, what, fields = [] }) => [
    `  ${sign} ${what}`,
    ...fields.map((field) => `      ${field}`),
  ])
  return redact([heading, ...lines, `  ${unchanged} unchanged`].join('\n'))
}

/** A manifest as a YAML document for operators, the values of Secrets hidden. */
export function manifestYaml(manifest: Manifest): string {
  const shown =
    manifest.kind === 'Secret' && 'data' in manifest
      ? {
          ...manifest,
          data: Object.fromEntries(Object.keys(manifest.data as object).map((key) => [key, '***'])),
        }
      : manifest
  // Kubernetes' tools read YAML 1.1, in which `on` and `yes` must be quoted. Without anchors, as kubectl writes it.
  return `---\n${stringify(shown, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false })}`
}
