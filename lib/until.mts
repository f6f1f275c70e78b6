import { askAgain } from './again.mts'
import { exitCodes, KitError } from './errors.mts'
import { log } from './log.mts'

/** Something that becomes ready by itself, and how to tell what it still lacks. */
export interface Awaited {
  /** Whose readiness it is, as the operator names it: `k8s-master-02`. */
  readonly what: string
  readonly seconds: number
  /** What is still missing, in a few words; empty when it is ready. */
  readonly lacks: () => Promise<string>
  /** True for an answer after which waiting is of no use. */
  readonly isFinal?: (lacks: string) => boolean
  /** Its own last words, asked when it did not become ready. */
  readonly lastWords?: () => Promise<readonly string[]>
  /** What to do when it did not become ready. */
  readonly hint: string
}

export type Until = (awaited: Awaited) => Promise<void>

/**
 * Waits until something is ready, and says each time what it lacks. Under --plan nothing is waited for: what a
 * write would bring is not there.
 * @throws KitError exit 9 with its last words when it does not become ready
 */
export const createUntil =
  (planning: boolean): Until =>
  async ({ what, seconds, lacks, isFinal = () => false, lastWords, hint }) => {
    if (planning) return
    const started = performance.now()
    const missing = await askAgain(lacks, {
      until: (answer) => answer === '' || isFinal(answer),
      milliseconds: seconds * 1000,
      every: 1500,
      waiting: (answer) => `${what}: ${answer}`,
    })
    if (missing === '') return log.ok(`${what} is ready`, started)
    throw new KitError(`${what} did not become ready: ${missing}`, {
      exitCode: exitCodes.rolloutFailed,
      details: (await lastWords?.()) ?? [],
      hint,
    })
  }
