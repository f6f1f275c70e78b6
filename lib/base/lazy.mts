/** A value made at its first use and kept. When `make` throws, the next use calls it again; a rejection is kept. */
export function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}
