import { unlessInterrupted } from '../../../lib/base/errors.mts'
import { pauseFor } from '../../../lib/base/poll.mts'

// What is asked once a second while a machine is away, and for how many seconds each did not answer.

/** Seconds before the machine is stopped in which everything is asked already. */
export const leadSeconds = 5

/** Seconds for which a machine is away: an application that is replaced has 90, and must then be seen to serve. */
export const awaySeconds = 100

/** Seconds of the whole series of questions. */
export const allSeconds = leadSeconds + awaySeconds

/** Seconds in which one question must be answered: the next ones are asked then. */
export const answerSeconds = 0.9

/** Seconds at the end by which it is judged whether something serves again, and how many of them may be lost. */
const last = { seconds: 10, lost: 2 }

/** What is measured, as the operator knows it: `metrics`, `n8n.example.com`. */
export interface Measured {
  readonly what: string
  /** Most seconds it may be away; undefined: it has its data on the machine, and waits for it. */
  readonly most: number | undefined
}

/** Something that is asked once a second. */
export interface Question extends Measured {
  /** True when it serves. An error means that it does not. */
  readonly ask: () => Promise<boolean>
}

/** For how long something was away. */
export interface Away extends Measured {
  /** Seconds in which it did not answer. */
  readonly seconds: number
  /** Why that is too much; undefined when it is not. */
  readonly fault: string | undefined
}

/**
 * Asks all questions once a second, at the same time.
 * @param isOver true: no more is asked
 * @param pause sleeps for milliseconds
 * @returns the answers of each question, one for each second
 * @throws KitError exit 130 or 143 on a signal
 */
export async function askEverySecond(
  questions: readonly Question[],
  isOver: () => boolean,
  pause: typeof pauseFor,
): Promise<boolean[][]> {
  const answers = questions.map((): boolean[] => [])
  for (let second = 0; second < allSeconds && !isOver(); second += 1) {
    const [round] = await Promise.all([
      Promise.all(questions.map(({ ask }) => ask().catch(unlessInterrupted(() => false)))),
      pause(1000),
    ])
    round.forEach((answer, at) => answers[at]?.push(answer))
  }
  return answers
}

/** Judges the answers to one question, one for each second. Pure. */
export function awayOf({ what, most }: Measured, answers: readonly boolean[]): Away {
  const seconds = answers.filter((answer) => !answer).length
  const lost = answers.slice(-last.seconds).filter((answer) => !answer).length
  const about = { what, most, seconds }
  if (most === undefined) return { ...about, fault: undefined }
  if (lost > last.lost) return { ...about, fault: `${what} was not back after ${awaySeconds} s` }
  const fault = seconds > most ? `${what} was away for ${seconds} s, at most ${most}` : undefined
  return { ...about, fault }
}

/** How long each was away, in one sentence: `metrics 14 s; names, API, a write 0 s`. Pure. */
export function awayText(all: readonly Away[]): string {
  const lost = all.filter(({ seconds, most }) => seconds > 0 && most !== undefined)
  const waiting = all.filter(({ most }) => most === undefined).map(({ what }) => what)
  // The ingresses of all other nodes are one item: a cluster may have many.
  const kept = all
    .filter(({ seconds, most }) => seconds === 0 && most !== undefined)
    .map(({ what }) => what.replace(/^ingress of .*/, 'ingress of other nodes'))
  return [
    ...lost.map(({ what, seconds }) => `${what} ${seconds} s`),
    ...(kept.length === 0 ? [] : [`${[...new Set(kept)].join(', ')} 0 s`]),
    ...(waiting.length === 0 ? [] : [`${waiting.join(', ')} waited for the machine, where the data is`]),
  ].join('; ')
}
