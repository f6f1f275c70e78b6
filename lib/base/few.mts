/** The first items of a list, and how many more there are: `a, b and 3 more`. @param most how many are named */
export function few(all: readonly string[], most: number): string {
  const rest = all.length - most
  return rest <= 0 ? all.join(', ') : `${all.slice(0, most).join(', ')} and ${rest} more`
}
