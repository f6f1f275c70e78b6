/** The candidate with the smallest Levenshtein distance to `word`; empty without candidates. */
export function nearest(word: string, candidates: readonly string[]): string {
  const near = candidates.toSorted((a, b) => distance(word, a) - distance(word, b))
  return near[0] ?? ''
}

/** Levenshtein distance, row by row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1]
    for (const [j, other] of Array.from(b).entries()) {
      next.push(
        Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)),
      )
    }
    row = next
  }
  return row.at(-1) ?? 0
}
