import { spawnSync } from 'node:child_process'

/** What should be measured did not run as it should: a quick failure must not look like speed. */
export class Unmeasured extends Error {}

/** Runs a whole process. @returns its milliseconds, and what it said @throws Unmeasured when it fails */
export function run(
  words: readonly string[],
  { input = '', env = {} }: { input?: string; env?: NodeJS.ProcessEnv } = {},
): { ms: number; stderr: string } {
  const [program = '', ...more] = words
  const started = performance.now()
  const { status, error, stderr } = spawnSync(program, more, {
    encoding: 'utf8',
    input,
    env: { ...process.env, ...env },
    timeout: 300_000,
  })
  const ms = performance.now() - started
  if (status !== 0) throw new Unmeasured(`${words.join(' ')}: exit ${status}\n${error?.message ?? stderr}`)
  return { ms, stderr }
}

/**
 * Runs the contestants in turn, so that whatever else the machine does meets them alike. The first round only
 * warms caches. @returns what each measured, one value a round
 */
export function inTurn(rounds: number, contestants: readonly (() => number)[]): number[][] {
  const measured = Array.from({ length: rounds + 1 }, () => contestants.map((contestant) => contestant()))
  return contestants.map((_, at) => measured.slice(1).map((round) => round[at] ?? NaN))
}

/** One row of the table: a ratio of two things measured in the same run, so that it means the same everywhere. */
export interface Row {
  readonly name: string
  readonly against: string
  readonly ours: readonly number[] | undefined
  readonly theirs: readonly number[] | undefined
  /** The most the ratio may be; without it the row only informs. */
  readonly bound?: number
}

/** Whatever else a machine does only adds time: minima show it least, so bounds compare them. */
const least = (values: readonly number[] = []): number => Math.min(...values)
const median = (values: readonly number[] = []): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN

export const holds = ({ ours, theirs, bound = Infinity }: Row): boolean =>
  least(ours) / least(theirs) <= bound

/** `✓ --help   1.21 x node -e 0   at most 1.6   98/104 against 81/84, minimum/median of 8`: the ratio is of the minima */
export function rowText(row: Row): string {
  const { name, against, ours, theirs, bound } = row
  const both = (values?: readonly number[]) => `${least(values).toFixed(0)}/${median(values).toFixed(0)}`
  return [
    `${bound === undefined ? '·' : holds(row) ? '✓' : '✗'} ${name.padEnd(38)}`,
    `${(least(ours) / least(theirs)).toFixed(2).padStart(5)} x ${against.padEnd(26)}`,
    (bound === undefined ? 'for information' : `at most ${bound}`).padEnd(15),
    `${both(ours)} against ${both(theirs)}, minimum/median of ${ours?.length}`,
  ].join('  ')
}
