import { exitCodes, KitError } from '../../../lib/base/errors.mts'

/** What a host said of itself: values by key, in the order they were said. */
export interface HostDocument {
  /** The first value of a key. */
  one(key: string): string | undefined
  /** All values of a key, each cut into words. */
  all(key: string): string[][]
  number(key: string): number
  has(key: string, ...words: string[]): boolean
}

/** @throws KitError exit 6 when the end is missing: the link broke, and half a document proves nothing */
export function parseDocument(name: string, text: string): HostDocument {
  const lines = text.split('\n').flatMap((line) => {
    const [key = '', ...words] = line.trim().split(/\s+/)
    return key === '' ? [] : [{ key, words }]
  })
  const last = lines.at(-1)
  if (last?.key !== 'end') {
    throw new KitError(`${name} did not give the whole preflight output`, {
      exitCode: exitCodes.unreachable,
      details: [`its last words: ${last === undefined ? 'none' : [last.key, ...last.words].join(' ')}`],
      hint: 'run the same command again',
    })
  }
  const all = (key: string) => lines.filter((one) => one.key === key).map(({ words }) => words)
  return {
    all,
    one: (key) => all(key)[0]?.join(' '),
    number: (key) => Number(all(key)[0]?.[0] ?? Number.NaN),
    has: (key, ...words) => all(key).some((said) => words.every((word, at) => said[at] === word)),
  }
}
