import { setTimeout as pause } from 'node:timers/promises'
import { interruption } from './signals.mts'
import { log } from './log.mts'
import { exitCodes, KitError } from './errors.mts'

/** How long, and how often, a question is asked again. Milliseconds. */
export interface Polling<T> {
  readonly until: (answer: T) => boolean
  readonly milliseconds: number
  readonly every: number
  /** Called before the first pause, and again when the answer is told by another text: what the operator is told. */
  readonly waiting?: (answer: T) => string
}

/** Sleeps, unless the operator wants to go. @throws Cancelled (130) or KitError (143) on a signal */
export const pauseFor = (milliseconds: number): Promise<void> =>
  pause(milliseconds, undefined, { signal: interruption.signal }).catch(() => interruption.throwIfAsked())

/** Asks until the answer is good or the time has passed, and gives the last answer, good or not. */
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

/** Milliseconds in which an ingress has learned of a new Ingress, or of pods that became ready (seen: up to 1 s). */
const propagation = 15_000

/** Asks until the answer is right, for as long as an ingress may need to take over what was written last. */
export const pollIngress = <T,>(ask: () => Promise<T>, isRight: (answer: T) => boolean): Promise<T> =>
  pollUntil(ask, { until: isRight, milliseconds: propagation, every: 300 })

/** Something that becomes ready by itself, and how to tell what it still lacks. */
export interface Condition {
  /** Whose readiness it is, as the operator names it: `k8s-master-02`. */
  readonly what: string
  readonly seconds: number
  /** What is still missing, in a few words; empty when it is ready. */
  readonly missing: () => Promise<string>
  /** True for an answer after which waiting is of no use. */
  readonly isFatal?: (missing: string) => boolean
  /** Its own last words, asked when it did not become ready. */
  readonly lastLogLines?: () => Promise<readonly string[]>
  /** What to do when it did not become ready. */
  readonly hint: string
}

export type Until = (awaited: Condition) => Promise<void>

/**
 * Waits until something is ready, and says each time what it lacks. Under --plan nothing is waited for: what a
 * write would bring is not there.
 * @throws KitError exit 9 with its last words when it does not become ready
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
      details: (await lastLogLines?.()) ?? [],
      hint,
    })
  }
