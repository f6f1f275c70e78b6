import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { written } from '../../../lib/base/written.mts'
import { lastLines } from './last-lines.mts'

/** What a script printed about its host, as lines `KEY WORD...`: values by key, in the order they were printed. */
export interface HostDocument {
  /** The first value of a key, its words joined by one space; undefined when the key is missing. */
  one(key: string): string | undefined
  /** All values of a key, each split into words; empty when the key is missing. */
  all(key: string): string[][]
  /** The first word of the first value as a number; NaN when it is missing or not a number. */
  number(key: string): number
  /** True when a value of the key begins with these words; without words: when the key is there. */
  has(key: string, ...words: string[]): boolean
}

/**
 * Parses what a script printed about a host. Its last line must have the key `end`.
 * @param name the host, for the message
 * @throws KitError exit 6 without that line: the connection broke, and an incomplete document proves nothing
 */
export function parseDocument(name: string, text: string): HostDocument {
  const lines = text.split('\n').flatMap((line) => {
    const [key = '', ...words] = line.trim().split(/\s+/)
    return key === '' ? [] : [{ key, words }]
  })
  const last = lines.at(-1)
  if (last?.key !== 'end') {
    throw new KitError(`${name} did not give the whole answer of the script that reads its state`, {
      exitCode: exitCodes.unreachable,
      details: [`its last words: ${lastLines(text, 1).join('') || 'none'}`, written()],
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
