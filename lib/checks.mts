import { KitError, messageOf } from './errors.mts'
import type { Http } from './http.mts'
import type { KubeReader } from './kube-reader.mts'
import type { PostgresReader } from './postgres.mts'
import type { RedisReader } from './redis.mts'
import type { Settings } from './settings.mts'

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

/** An asked check: its answer, how long it took in milliseconds. */
export interface Outcome extends Answer {
  readonly id: string
  readonly title: string
  readonly fix: string
  readonly milliseconds: number
}

/** Asks every check, one after another. A check that throws has failed: it never ticks itself. */
export async function runChecks<S extends Settings>(
  checks: readonly Check<S>[],
  tools: Omit<CheckTools<S>, 'once'>,
  asked: (outcome: Outcome) => void = () => {},
): Promise<Outcome[]> {
  const made = new Map<string, Promise<unknown>>()
  const once = <T,>(name: string, make: () => Promise<T>): Promise<T> => {
    const promise = made.get(name) ?? make()
    made.set(name, promise)
    return promise as Promise<T>
  }
  const outcomes: Outcome[] = []
  for (const { id, title, fix, ask } of checks) {
    const started = performance.now()
    const answer = await ask({ ...tools, once }).catch(answerTo)
    const outcome = { id, title, fix, ...answer, milliseconds: Math.round(performance.now() - started) }
    outcomes.push(outcome)
    asked(outcome)
  }
  return outcomes
}

function answerTo(thrown: unknown): Answer {
  if (thrown instanceof KitError && thrown.name === 'Cancelled') throw thrown
  const details = thrown instanceof KitError ? thrown.details : []
  return failed([messageOf(thrown), ...details].join('; '))
}
