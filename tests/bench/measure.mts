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
    timeout: 900_000,
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

/** One row of the table. A ratio of two things measured in the same run means the same everywhere. */
export interface Row {
  readonly name: string
  /** What `ours` is a ratio of; without it the row is in milliseconds. */
  readonly against?: string
  readonly ours: readonly number[] | undefined
  /** Only with `against`. */
  readonly theirs?: readonly number[] | undefined
  /** The most the ratio, or the milliseconds, may be; without it the row only informs. */
  readonly bound?: number
  /** Set where the least of several values says nothing: a poll meets now and then what it polls for at once. */
  readonly isMedian?: true
}

/** Whatever else a machine does only adds time: minima show it least, so most bounds compare them. */
const least = (values: readonly number[] = []): number => Math.min(...values)
const median = (values: readonly number[] = []): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN

function figureOf({ against, ours, theirs, isMedian }: Row): number {
  const of = isMedian === true ? median : least
  return against === undefined ? of(ours) : of(ours) / of(theirs)
}

/** True when a row was measured and is within its bound. */
export const holds = (row: Row): boolean => figureOf(row) <= (row.bound ?? Infinity)

/**
 * `✓ --help   1.21 x node -e 0   at most 1.6   98/104 against 81/84, minimum/median of 8`: the ratio is of the minima,
 * unless the row says otherwise.
 */
export function rowText(row: Row): string {
  const { name, against, ours, theirs, bound } = row
  const both = (values?: readonly number[]) => `${least(values).toFixed(0)}/${median(values).toFixed(0)}`
  const unit = against === undefined ? 'ms' : `x ${against}`
  return [
    `${bound === undefined ? '·' : holds(row) ? '✓' : '✗'} ${name.padEnd(44)}`,
    `${figureOf(row)
      .toFixed(against === undefined ? 0 : 2)
      .padStart(5)} ${unit.padEnd(28)}`,
    (bound === undefined ? 'for information' : `at most ${bound}`).padEnd(15),
    `${both(ours)}${against === undefined ? '' : ` against ${both(theirs)}`}, minimum/median of ${ours?.length}`,
  ].join('  ')
}
