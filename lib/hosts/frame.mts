import { randomBytes } from 'node:crypto'

// What a login shell prints of itself must not be taken for the answer of a command: the answer stands between marks.
// Every command carries them, so they are short. The login shell itself prints them: it was asked first whether it is
// one that reads this (login-shell.mts).

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEF'

/** Random, so that no greeting holds it. Letters alone: before `>` a shell takes a number for a stream. */
export const newMark = (): string => [...randomBytes(6)].map((byte) => letters[byte % 32]).join('')

/** A word as every POSIX shell reads it, whatever is in it. */
export const quoted = (word: string): string =>
  /^[\w./:,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** Text for a login shell: what it prints stands between marks, with the exit code behind the last one. */
export const between = (mark: string, text: string): string => `printf ${mark};${text};printf ${mark}$?.`

/** The text a login shell is given to run words, in the language this kit reads. */
export const framed = (mark: string, words: readonly string[]): string =>
  `printf ${mark}>&2;${between(mark, `LC_ALL=C ${words.map(quoted).join(' ')}`)}`

/** A stdout, cut at its marks. */
export interface Framed {
  readonly before: string
  readonly inside: string
  /** Undefined when the second mark is missing: what ran was ended, or runs still. */
  readonly code: number | undefined
  readonly after: string
}

/** @returns undefined when the mark is not there: the words were not run */
export function cutAt(mark: string, stdout: string): Framed | undefined {
  const [first, last] = [stdout.indexOf(mark), stdout.lastIndexOf(mark)]
  if (first < 0) return undefined
  const [before, start] = [stdout.slice(0, first), first + mark.length]
  const [whole, code] = /^(\d+)\./.exec(stdout.slice(last + mark.length)) ?? []
  if (last === first || whole === undefined)
    return { before, inside: stdout.slice(start), code: undefined, after: '' }
  const after = stdout.slice(last + mark.length + whole.length)
  return { before, inside: stdout.slice(start, last), code: Number(code), after }
}

/** What the words said on stderr. Their end is not marked there: nothing is decided by it. */
export function errorsOf(mark: string, stderr: string): string {
  const at = stderr.indexOf(mark)
  return at < 0 ? stderr : stderr.slice(at + mark.length)
}
