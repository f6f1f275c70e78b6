import { exitCodes, KitError, messageOf } from '../base/errors.mts'
import type { Http } from './http.mts'
import type { HttpAnswer } from './http-exchange.mts'
import type { KubeReader } from '../kube/reader.mts'
import { createLimit } from '../base/concurrency.mts'
import type { PostgresReader } from '../backends/postgres.mts'
import type { RedisReader } from '../backends/redis.mts'
import type { S3Reader } from '../backends/s3.mts'
import type { Settings } from '../settings/settings.mts'
import { endNear } from '../base/certificate.mts'

/** One question with a pass/fail answer. It only observes; what it makes to look with, it removes. */
export interface Check<S extends Settings = Settings> {
  /** Stable name in reports and tests: `n8n.webhook`. */
  readonly id: string
  /** The question as a statement: `A webhook runs on a worker`. */
  readonly title: string
  readonly ask: (tools: CheckTools<S>) => Promise<Answer>
  /** What to do when it fails. */
  readonly fix: string
}

/** What a check may look with. Readers only. */
export interface CheckTools<S extends Settings = Settings> {
  readonly settings: S
  readonly kube: KubeReader
  readonly http: Http
  readonly postgres: PostgresReader
  readonly redis: RedisReader
  readonly s3: S3Reader
  /** Runs `make` at the first call with this name and gives the same promise to later ones (one login, many checks). */
  readonly once: <T>(name: string, make: () => Promise<T>) => Promise<T>
}

export interface Answer {
  readonly result: 'passed' | 'warning' | 'failed'
  /** What was seen, in a few words with figures. */
  readonly evidence: string
}

export const passed = (evidence: string): Answer => ({ result: 'passed', evidence })
export const failed = (evidence: string): Answer => ({ result: 'failed', evidence })
export const warning = (evidence: string): Answer => ({ result: 'warning', evidence })

/** Passed, and a warning while the certificate a visitor's answer came by is about to end. */
export function passedOver(evidence: string, ...answers: Pick<HttpAnswer, 'certificateEnd'>[]): Answer {
  const near = answers.flatMap(({ certificateEnd }) => (certificateEnd && endNear(certificateEnd)) ?? [])
  return near.length === 0 ? passed(evidence) : warning([evidence, ...new Set(near)].join('; '))
}

/** An asked check: its answer, how long it took in milliseconds. */
export interface Outcome extends Answer {
  readonly id: string
  readonly title: string
  readonly fix: string
  readonly milliseconds: number
}

/** Remembers what is made once for several checks. */
export function createOnce(): CheckTools['once'] {
  const made = new Map<string, Promise<unknown>>()
  return <T,>(name: string, make: () => Promise<T>): Promise<T> => {
    const promise = made.get(name) ?? make()
    made.set(name, promise)
    return promise as Promise<T>
  }
}

/** Checks that are asked at once: most of them wait for an answer, and each has its own kubectl or request. */
const atOnce = 4

/**
 * Asks every check, a few at once, and gives their outcomes in the order of the checks.
 * A check that throws has failed: it never ticks itself.
 * @param asked told each outcome in that order
 */
export async function runChecks<S extends Settings>(
  checks: readonly Check<S>[],
  tools: Omit<CheckTools<S>, 'once'>,
  asked: (outcome: Outcome) => void = () => {},
): Promise<Outcome[]> {
  const limited = createLimit(atOnce)
  const once = createOnce()
  const asking = checks.map((check) => limited(() => outcomeOf(check, { ...tools, once })))
  // An interruption is thrown by the first of them; what the others then throw has been said.
  for (const one of asking) one.catch(() => {})
  const outcomes: Outcome[] = []
  for (const one of asking) {
    const outcome = await one
    outcomes.push(outcome)
    asked(outcome)
  }
  return outcomes
}

async function outcomeOf<S extends Settings>(
  { id, title, fix, ask }: Check<S>,
  tools: CheckTools<S>,
): Promise<Outcome> {
  const started = performance.now()
  const answer = await ask(tools).catch(answerTo)
  return { id, title, fix, ...answer, milliseconds: Math.round(performance.now() - started) }
}

/** A check that throws has failed; an interruption or this machine's full disk is nothing it observed. */
export function answerTo(thrown: unknown): Answer {
  const about = thrown instanceof KitError ? thrown.exitCode : undefined
  if (about === exitCodes.interrupted || about === exitCodes.terminated || about === exitCodes.localDisk)
    throw thrown
  const details = thrown instanceof KitError ? thrown.details : []
  return failed([messageOf(thrown), ...details].join('; '))
}

/** What checks get from a context. */
export type Tools<S extends Settings> = Omit<CheckTools<S>, 'once'>
