// What a login shell prints of itself must not be taken for the answer of a command: the answer stands between marks.

/** Runs the words behind it between marks on both outputs, in the language this kit reads, and ends with their code. */
const frame = `LC_ALL=C;export LC_ALL;m(){ printf %s "$1";printf %s "$1" >&2;};m "$0";"$@";c=$?;m "$0";exit $c`

/** A word as every POSIX shell reads it, whatever is in it. */
const quoted = (word: string): string =>
  /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** The text a login shell is given to run words in a frame. @param mark random, so that no greeting holds it */
export const framed = (mark: string, words: readonly string[]): string =>
  ['sh', '-c', frame, mark, ...words].map(quoted).join(' ')

/** An output, cut at its marks. */
export interface Framed {
  readonly before: string
  readonly inside: string
  /** Undefined when the second mark is missing: what ran was ended, or runs still. */
  readonly after: string | undefined
}

/** @returns undefined when the mark is not there: the words were not run */
export function cutAt(mark: string, text: string): Framed | undefined {
  const [before = '', inside, after] = text.split(mark)
  return inside === undefined ? undefined : { before, inside, after }
}
