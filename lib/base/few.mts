/** `a, b and 3 more`: the first of many, and how many there are. @param most how many are named */
export function few(all: readonly string[], most: number): string {
  const rest = all.length - most
  return rest <= 0 ? all.join(', ') : `${all.slice(0, most).join(', ')} and ${rest} more`
}
