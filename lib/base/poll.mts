import { setTimeout as pause } from 'node:timers/promises'
import { interruption } from './signals.mts'
import { log } from './log.mts'
import { exitCodes, KitError, messageOf } from './errors.mts'
import { shortened } from './sensitive.mts'

/** How long, and how often, a request is repeated. */
export interface Polling<T> {
  readonly until: (answer: T) => boolean
  /** Milliseconds after which the last answer is given, good or not. */
  readonly milliseconds: number
  /** Milliseconds between two requests. */
  readonly every: number
  /** The text logged while waiting; logged again whenever it differs from the one before. */
  readonly waiting?: (answer: T) => string
}

/**
 * Sleeps until the time has passed or the run is interrupted.
 * @throws Cancelled (130) or KitError exit 143 on a signal; the error given to interruption.failWith
 */
export const pauseFor = (milliseconds: number): Promise<void> =>
  pause(milliseconds, undefined, { signal: interruption.signal }).catch(() => interruption.throwIfAsked())

/**
 * Repeats `ask` until its answer satisfies `until` or the time has passed, and returns the last answer in both cases.
 * @throws what `ask` throws; Cancelled (130) or KitError exit 143 on a signal
 */
export async function pollUntil<T>(ask: () => Promise<T>, again: Polling<T>): Promise<T> {
  const end = performance.now() + again.milliseconds
  let said = ''
  for (;;) {
    const answer = await ask()
    if (again.until(answer) || performance.now() > end) return answer
    const line = again.waiting?.(answer) ?? ''
    if (line !== said) log.waiting(line)
    said = line
    await pauseFor(again.every)
  }
}

/** Milliseconds in which an ingress controller loads a new Ingress, or pods that became ready (observed: up to 1 s). */
const propagation = 15_000

/**
 * As pollUntil, for up to 15 s: the time an ingress controller may need to load what was written last.
 * @throws what `ask` throws; Cancelled (130) or KitError exit 143 on a signal
 */
export const pollIngress = <T,>(ask: () => Promise<T>, isRight: (answer: T) => boolean): Promise<T> =>
  pollUntil(ask, { until: isRight, milliseconds: propagation, every: 300 })

/** Something that becomes ready by itself, and how to find out what is still missing. */
export interface Condition {
  /** What must become ready, as the operator names it: `k8s-master-02`. */
  readonly what: string
  /** Seconds until the wait fails. */
  readonly seconds: number
  /** What is still missing, in a few words; an empty text when it is ready. */
  readonly missing: () => Promise<string>
  /** True for an answer after which waiting is of no use. */
  readonly isFatal?: (missing: string) => boolean
  /** The last lines of its log, fetched when it did not become ready. */
  readonly lastLogLines?: () => Promise<readonly string[]>
  /** What to do when it did not become ready. */
  readonly hint: string
}

/**
 * Waits until a condition is met.
 * @throws KitError exit 9 when it is not met in time, or can no longer be; Cancelled (130) or KitError exit 143 on a
 * signal; what `missing` throws
 */
export type Until = (awaited: Condition) => Promise<void>

/**
 * Makes a function that waits until something is ready, and logs what is missing whenever that changes. Under --plan
 * that function returns at once: nothing was written that could become ready.
 * @returns a function that throws as Until; the KitError (9) has the last log lines as its details
 */
export const createUntil =
  (planning: boolean): Until =>
  async ({ what, seconds, missing, isFatal = () => false, lastLogLines, hint }) => {
    if (planning) return
    const started = performance.now()
    const left = await pollUntil(missing, {
      until: (answer) => answer === '' || isFatal(answer),
      milliseconds: seconds * 1000,
      every: 1500,
      waiting: (answer) => `${what}: ${answer}`,
    })
    if (left === '') return log.ok(`${what} is ready`, started)
    throw new KitError(`${what} did not become ready: ${left}`, {
      exitCode: exitCodes.rolloutFailed,
      details: lastLogLines === undefined ? [] : await readLogLines(lastLogLines),
      hint,
    })
  }

/**
 * The last log lines of what is not ready, or why they cannot be read: that must not hide what is not ready.
 * @throws Cancelled (130) or KitError exit 143 on a signal
 */
export const readLogLines = (lastLogLines: () => Promise<readonly string[]>): Promise<readonly string[]> =>
  lastLogLines().catch((thrown: unknown) => {
    interruption.throwIfAsked()
    return [`its log cannot be read: ${shortened(messageOf(thrown), 200)}`]
  })
