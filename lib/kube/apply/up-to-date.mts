import { isDeepStrictEqual } from 'node:util'
import { fieldManager } from '../objects.mts'
import { isMap } from './diff.mts'
import type { FieldSet, LiveObject, Manifest } from '../types.mts'

// Pure: the managedFields of our last apply can prove that applying again would change nothing.

/**
 * True when applying `manifest` would certainly change nothing: the kit owns exactly the manifest's fields
 * (`metadata.managedFields`, Kubernetes "Server-Side Apply"), and each has its value. False means unknown: quantities
 * and defaults have more than one form, and only a server-side dry run can compare them.
 * @param live with managedFields
 */
export function isUpToDate(manifest: Manifest, live: LiveObject | undefined): boolean {
  const ours = live?.metadata.managedFields?.filter(
    ({ manager, operation, subresource }) =>
      manager === fieldManager && operation === 'Apply' && subresource === undefined,
  )
  const [entry, ...others] = ours ?? []
  if (entry?.fieldsV1 === undefined || others.length > 0 || entry.apiVersion !== manifest.apiVersion)
    return false
  return holds(entry.fieldsV1, withoutIdentity(manifest), live)
}

/** apiVersion, kind, name and namespace are in no manager's managedFields. */
function withoutIdentity(manifest: Manifest): unknown {
  const { apiVersion: _apiVersion, kind: _kind, metadata, ...rest } = manifest
  const { name: _name, namespace: _namespace, ...meta } = metadata ?? {}
  // As sent: JSON has no undefined fields.
  return JSON.parse(
    JSON.stringify({ ...rest, ...(Object.keys(meta).length === 0 ? {} : { metadata: meta }) }),
  )
}

/** True when the kit owns exactly the wanted fields of a value, and the live value equals them. */
function holds(owned: FieldSet, wanted: unknown, now: unknown): boolean {
  const fields = Object.entries(owned).filter(([name]) => name !== '.')
  if (fields.length === 0) return isSame(wanted, now)
  if (Array.isArray(wanted)) return Array.isArray(now) && itemsHold(fields, wanted, now)
  if (!isMap(wanted) || !isMap(now) || fields.length !== Object.keys(wanted).length) return false
  return fields.every(([field, inner]) => {
    const name = field.slice('f:'.length)
    return name in wanted && holds(inner, wanted[name], now[name])
  })
}

/**
 * True when the server has stored a value that is owned as a whole. It leaves out what is empty, 0 or false: that the
 * field is owned shows that it was sent.
 */
const isSame = (wanted: unknown, now: unknown): boolean =>
  isDeepStrictEqual(wanted, now) ||
  isDeepStrictEqual(asStored(wanted), now) ||
  (now === undefined && isZero(wanted))

const isZero = (value: unknown): boolean =>
  value === false || value === 0 || value === '' || (isMap(value) && Object.keys(value).length === 0)

/** A value as the server stores it: a selector without empty labels, a field of the pod with its version. */
function asStored(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asStored)
  if (!isMap(value)) return value
  const { matchLabels, ...rest } = value
  const isSelector = isMap(matchLabels) && Object.keys(matchLabels).length === 0
  const entries = Object.entries(isSelector ? rest : value).map(([key, one]) => [key, asStored(one)])
  return { ...(isFieldOfPod(value) ? { apiVersion: 'v1' } : {}), ...Object.fromEntries(entries) }
}

/** True for an ObjectFieldSelector, whose apiVersion is v1 unless it says otherwise (Kubernetes API, core/v1). */
const isFieldOfPod = (value: Readonly<Record<string, unknown>>): boolean =>
  Object.keys(value).join(' ') === 'fieldPath'

/** As `holds`, for the items of a list: with keys (`k:{"name":"n8n"}`), or of a set of plain values (`v:"n8n"`). */
function itemsHold(fields: readonly [string, FieldSet][], wanted: unknown[], now: unknown[]): boolean {
  const met = new Set<unknown>()
  return (
    fields.length === wanted.length &&
    fields.every(([field, inner]) => {
      if (field.startsWith('v:')) {
        const item: unknown = JSON.parse(field.slice('v:'.length))
        met.add(item)
        return wanted.includes(item) && now.includes(item)
      }
      if (!field.startsWith('k:')) return false
      const key = JSON.parse(field.slice('k:'.length)) as Record<string, unknown>
      const item = wanted.find((one) => isKnownBy(one, key))
      met.add(item)
      return holds(
        inner,
        item,
        now.find((one) => isKnownBy(one, key)),
      )
    }) &&
    met.size === wanted.length
  )
}

/**
 * True for the item with this key. A key field absent from it has the server's default, such as `protocol` of a port.
 */
const isKnownBy = (item: unknown, key: Record<string, unknown>): boolean =>
  isMap(item) && Object.entries(key).every(([name, value]) => (item[name] ?? value) === value)
