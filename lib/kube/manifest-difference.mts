import { nameOf, type Manifest } from './types.mts'

/**
 * The first place where two lists of objects differ, for messages: `key admin-password of Secret monitoring/grafana`.
 * Values are never shown: a place that differs each time is often a password. Pure.
 * @returns `order` when both have the same objects in another order; an object's name when only one has it
 */
export function firstDifference(one: readonly Manifest[], other: readonly Manifest[]): string {
  const named = new Map(other.map((manifest) => [nameOf(manifest), manifest]))
  for (const manifest of one) {
    const name = nameOf(manifest)
    const second = named.get(name)
    if (second === undefined) return name
    const key = keyThatDiffers(manifest, second, '')
    if (key !== undefined) return `key ${key} of ${name}`
  }
  const known = new Set(one.map(nameOf))
  return other.map(nameOf).find((name) => !known.has(name)) ?? 'order'
}

/** The last key on the way to the first place that differs; undefined when nothing does. */
function keyThatDiffers(one: unknown, other: unknown, key: string): string | undefined {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    return one === other ? undefined : key
  for (const name of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const [a, b] = [(one as Record<string, unknown>)[name], (other as Record<string, unknown>)[name]]
    // The position in a list says less than the key the list is under.
    const found = keyThatDiffers(a, b, Array.isArray(one) ? key : name)
    if (found !== undefined) return found
  }
  return undefined
}
