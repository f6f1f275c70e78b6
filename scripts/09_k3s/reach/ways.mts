/** The values of each key, in the order of the keys. */
const collected = (pairs: readonly (readonly [key: string, value: string])[]): [string, string[]][] => {
  const values = new Map<string, string[]>()
  for (const [key, value] of pairs) values.set(key, [...(values.get(key) ?? []), value])
  return [...values]
}

/** One port of one machine, and how it is described. No part contains a `|` or a comma. */
export interface Way {
  readonly kind: string
  readonly machine: string
  readonly port: string
}

/** Groups the machines that have the same ports of a kind. Pure. */
export const alike = (ways: readonly Way[]): { kind: string; ports: string[]; machines: string[] }[] =>
  collected(
    collected(ways.map(({ kind, machine, port }) => [`${kind}|${machine}`, port])).map(([key, ports]) => {
      const [kind = '', machine = ''] = key.split('|')
      return [`${kind}|${ports.join(',')}`, machine]
    }),
  ).map(([key, machines]) => {
    const [kind = '', ports = ''] = key.split('|')
    return { kind, ports: ports.split(','), machines }
  })
