import type { FieldSet, LiveObject, Manifest } from '../types.mts'
import { fieldManager, replicasManager } from '../objects.mts'

// Pure: what applying would change, from the live object and the server's own dry run (DESIGN section 4).

/** One field that applying would change. */
export interface FieldChange {
  /** `spec.template.spec.containers[n8n].image` */
  readonly path: string
  readonly before: unknown
  readonly after: unknown
  /** Another field manager that owns the live field: a conflict. */
  readonly owner?: string
}

/** What applying one object would change. */
export interface Comparison {
  readonly status: 'new' | 'changed' | 'unchanged'
  readonly fields: readonly FieldChange[]
}

/** Fields only the server writes: they differ although nothing has changed (seen on Kubernetes 1.34 and 1.36). */
const serverFields = new Set(['resourceVersion', 'generation', 'managedFields', 'creationTimestamp', 'uid'])

type Step = { key: string } | { index: number; item: unknown }

/**
 * Compares a live object with the result of a forced server-side dry run.
 * @param live with managedFields; undefined when the object does not exist
 * @param dryRun the API server's response to `--dry-run=server`
 */
export function compare(live: LiveObject | undefined, dryRun: LiveObject): Comparison {
  if (live === undefined) return { status: 'new', fields: [] }
  const changes: FieldChange[] = []
  walk(strip(live), strip(dryRun), [], (steps, before, after) => {
    const owner = before === undefined ? undefined : foreignOwner(live, steps)
    changes.push({ path: shownSteps(steps), before, after, ...(owner === undefined ? {} : { owner }) })
  })
  return { status: changes.length > 0 ? 'changed' : 'unchanged', fields: changes }
}

function strip({ status: _status, metadata, ...rest }: LiveObject): Record<string, unknown> {
  const kept = Object.entries(metadata).filter(([key]) => !serverFields.has(key))
  return { ...rest, metadata: Object.fromEntries(kept) }
}

type Report = (steps: readonly Step[], before: unknown, after: unknown) => void

function walk(before: unknown, after: unknown, steps: readonly Step[], report: Report): void {
  if (Array.isArray(before) && Array.isArray(after)) return walkLists(before, after, steps, report)
  if (isMap(before) && isMap(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      walk(before[key], after[key], [...steps, { key }], report)
    }
    return
  }
  if (JSON.stringify(before) !== JSON.stringify(after)) report(steps, before, after)
}

/** Items are matched by their name where all have one (containers, env, ports), by position elsewhere. */
function walkLists(before: unknown[], after: unknown[], steps: readonly Step[], report: Report): void {
  const named = [...before, ...after].every((item) => listName(item) !== undefined)
  const all = [...before, ...after]
  const keys: unknown[] = named ? all.map(listName) : [...after.keys(), ...before.keys()]
  const find = (list: unknown[], key: unknown) =>
    named ? list.find((item) => listName(item) === key) : list[Number(key)]
  for (const key of new Set(keys)) {
    const [old, now] = [find(before, key), find(after, key)]
    walk(old, now, [...steps, { index: before.indexOf(old), item: old ?? now }], report)
  }
}

/** True for an object in the sense of JSON: no list, not null. */
export const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The key of a list item: its name, a volume mount's path, a spread constraint's topologyKey. */
function listName(item: unknown): string | undefined {
  if (!isMap(item)) return undefined
  const name = item['name'] ?? item['mountPath'] ?? item['topologyKey'] ?? item['host'] ?? item['path']
  return typeof name === 'string' ? name : undefined
}

const shownSteps = (steps: readonly Step[]): string =>
  steps
    .map((step) => ('key' in step ? `.${step.key}` : `[${listName(step.item) ?? step.index}]`))
    .join('')
    .slice(1)

/**
 * The manager other than the kit that owns the field at `steps`, if any. `kubectl scale` owns `spec.replicas` through
 * the subresource scale; the subresource status is ignored.
 */
function foreignOwner(live: LiveObject, steps: readonly Step[]): string | undefined {
  const owners = (live.metadata.managedFields ?? []).filter(
    ({ fieldsV1, subresource }) =>
      subresource !== 'status' && fieldsV1 !== undefined && owns(fieldsV1, steps),
  )
  if (owners.some(({ manager }) => manager === fieldManager || manager === replicasManager)) return undefined
  return owners[0]?.manager
}

function owns(fields: FieldSet, steps: readonly Step[]): boolean {
  const [step, ...rest] = steps
  if (step === undefined) return true
  const inner = 'key' in step ? fields[`f:${step.key}`] : itemFields(fields, step.item)
  if (inner === undefined) return false
  return Object.keys(inner).length === 0 || owns(inner, rest)
}

/** The entry `k:{"name":"n8n"}` whose key values are the item's. */
function itemFields(fields: FieldSet, item: unknown): FieldSet | undefined {
  for (const [entry, inner] of Object.entries(fields)) {
    if (!entry.startsWith('k:') || !isMap(item)) continue
    const key = JSON.parse(entry.slice(2)) as Record<string, unknown>
    if (Object.entries(key).every(([name, value]) => item[name] === value)) return inner
  }
  return undefined
}

/** One object of a batch, and what applying it would change. */
export interface Planned {
  readonly manifest: Manifest
  readonly comparison: Comparison
}
