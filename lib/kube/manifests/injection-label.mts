import type { Manifest } from '../types.mts'

// The label of namespaces whose new pods the API server shows to the injector. Pure.

/** The label of namespaces whose pods may request injection. */
export const injectionLabel = { 'keybuzz.io/vault-injection': 'enabled' } as const

/** Adds the label by which the API server calls the injector for pods of a namespace; other kinds stay as they are. */
export const labelled = (one: Manifest): Manifest =>
  one.kind === 'Namespace'
    ? { ...one, metadata: { ...one.metadata, labels: { ...one.metadata?.labels, ...injectionLabel } } }
    : one

/** A Namespace without that label; undefined for an object that does not have it. */
export function unlabelled(one: Manifest): Manifest | undefined {
  const kept = Object.entries(one.metadata?.labels ?? {}).filter(([key]) => !(key in injectionLabel))
  if (one.kind !== 'Namespace' || kept.length === Object.keys(one.metadata?.labels ?? {}).length)
    return undefined
  return { ...one, metadata: { ...one.metadata, labels: Object.fromEntries(kept) } }
}
