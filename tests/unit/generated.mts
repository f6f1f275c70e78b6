// Values and damaged texts for tests that try a reader with what nobody thought of. Seeded, so that a failure can be
// made again: SHAPE_SEED=<the number a failure names>.

export interface Random {
  readonly seed: number
  /** 0 to below 1. */
  next(): number
  pick<T>(items: readonly T[]): T
}

/** mulberry32: small, good enough, the same on every machine. */
export function createRandom(seed = Number(process.env['SHAPE_SEED'] ?? Date.now() % 2 ** 31)): Random {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { seed, next, pick: (items) => items[Math.floor(next() * items.length)] as (typeof items)[number] }
}

const atoms: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  '',
  ' ',
  'DATA+OMITTED',
  'REDACTED',
  'null',
  '\u0000',
  '\uFEFF',
  'é\u202E😀',
  "'`\\",
  '../../x',
  'https://',
  'https://[::1',
  'x'.repeat(5000),
]

const keys = ['name', 'Image', '__proto__', 'constructor', 'toString', '', 'a b', 'é']

/** Any JSON value. */
export function anyValue(random: Random, depth = 3): unknown {
  const size = Math.floor(random.next() * 3)
  const kind = depth === 0 ? 0 : random.next()
  if (kind < 0.6) return random.pick(atoms)
  if (kind < 0.8) return Array.from({ length: size }, () => anyValue(random, depth - 1))
  return Object.fromEntries(
    Array.from({ length: size }, () => [random.pick(keys), anyValue(random, depth - 1)]),
  )
}

/** The same document with one place of it replaced, emptied, wrapped, renamed or taken away. */
export function damaged(random: Random, value: unknown): unknown {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value)
  const entries: [string, unknown][] = isMap
    ? Object.entries(value)
    : Array.isArray(value)
      ? value.map((one, at) => [String(at), one])
      : []
  if (entries.length === 0 || random.next() < 0.15) return random.pick([anyValue(random), [value], { value }])
  const [hit] = random.pick(entries)
  const changed = entries.flatMap(([key, one]): [string, unknown][] => {
    if (key !== hit) return [[key, one]]
    const way = random.next()
    if (way < 0.15) return []
    if (way < 0.3) return [[random.pick(keys), one]]
    return [[key, way < 0.4 ? anyValue(random) : damaged(random, one)]]
  })
  return isMap ? Object.fromEntries(changed) : changed.map(([, one]) => one)
}

const pieces = [
  '\uFEFF',
  '\r\n',
  '\t',
  '\u0000',
  "'",
  '`',
  '=',
  '{',
  '"',
  ': ',
  '- ',
  '&a ',
  '*a',
  '!!x ',
  '|1|',
  '#',
  '<<<<<<< ',
]

/** The same text cut, doubled, or with something in it that does not belong there, once to three times. */
export function damagedText(random: Random, text: string): string {
  let broken = text
  for (let left = 1 + Math.floor(random.next() * 3); left > 0; left -= 1) {
    const at = Math.floor(random.next() * (broken.length + 1))
    const to = at + Math.floor(random.next() * 20)
    const inside = random.pick([...pieces, broken.slice(at, to).repeat(2), ''])
    broken =
      random.next() < 0.1
        ? broken.slice(0, at)
        : broken.slice(0, at) + inside + broken.slice(random.next() < 0.5 ? at : to)
  }
  return broken
}
