/**
 * Makes a function that calls `make` once, at its first call, and returns that value from then on. When `make` throws,
 * the next call calls it again; a rejected promise is kept.
 */
export function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}
