import { setTimeout as pause } from 'node:timers/promises'
import { interruption } from './interrupt.mts'
import { log } from './log.mts'

/** How long, and how often, a question is asked again. Milliseconds. */
export interface Again<T> {
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
export async function askAgain<T>(ask: () => Promise<T>, again: Again<T>): Promise<T> {
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
export const askSettled = <T,>(ask: () => Promise<T>, isRight: (answer: T) => boolean): Promise<T> =>
  askAgain(ask, { until: isRight, milliseconds: propagation, every: 300 })
