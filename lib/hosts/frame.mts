import { randomBytes } from 'node:crypto'

// Text that a login shell prints itself must not be read as a command's output: the output is between two marks.
// They are short, because each command has them. The login shell itself prints them: login-shell.mts has tested first
// that it is a POSIX one.

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEF'

/** A random mark, so that no greeting contains it. Letters only: before `>` a shell reads digits as a descriptor. */
export const newMark = (): string => [...randomBytes(6)].map((byte) => letters[byte % 32]).join('')

/** Quotes a word so that every POSIX shell reads it unchanged. */
export const quoted = (word: string): string =>
  /^[\w./:,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** Text for a login shell: its output is printed between two marks, with the exit code behind the second one. */
export const between = (mark: string, text: string): string => `printf ${mark};${text};printf ${mark}$?.`

/** Text for a login shell that runs a command under LC_ALL=C, with a mark at the start of its stderr too. */
export const framed = (mark: string, words: readonly string[]): string =>
  `printf ${mark}>&2;${between(mark, `LC_ALL=C ${words.map(quoted).join(' ')}`)}`

/** A stdout, split at its marks. */
export interface Framed {
  readonly before: string
  readonly inside: string
  /** The exit code; undefined when the second mark is missing: the command was killed, or is still running. */
  readonly code: number | undefined
  readonly after: string
}

/** Splits a stdout at its marks. @returns undefined when there is no mark: the command was not run */
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

/** The stderr of the command, from its mark on. Its end is not marked: no decision depends on stderr. */
export function errorsOf(mark: string, stderr: string): string {
  const at = stderr.indexOf(mark)
  return at < 0 ? stderr : stderr.slice(at + mark.length)
}
