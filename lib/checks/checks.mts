import { exitCodes, KitError, messageOf, wordsOf, type ExitCode } from '../base/errors.mts'
import type { Http } from './http.mts'
import type { HttpAnswer } from './http-exchange.mts'
import type { KubeReader } from '../kube/reader.mts'
import { awaitedLater, createLimit } from '../base/concurrency.mts'
import type { PostgresReader } from '../backends/postgres.mts'
import type { RedisReader } from '../backends/redis.mts'
import type { S3Reader } from '../backends/s3.mts'
import type { Settings } from '../settings/settings.mts'
import type { Versions } from '../settings/versions.mts'
import { endNear } from '../base/certificate.mts'

/** One test of an installed module. It only observes; temporary objects that it creates, it deletes. */
export interface Check<S extends Settings = Settings> {
  /** Stable name in reports and tests: `n8n.webhook`. */
  readonly id: string
  /** What must hold, as a statement: `A webhook runs on a worker`. */
  readonly title: string
  /** False: with these settings it does not apply, and is left out. */
  readonly when?: (settings: S) => boolean
  /** Observes. An error it throws becomes a failed answer, see answerTo. */
  readonly ask: (tools: CheckTools<S>) => Promise<Answer>
  /** What to do when it fails. */
  readonly fix: string
  /** Values for the placeholders of the fix that an answer does not give: an `ask` that throws gives none. */
  readonly places?: (settings: S) => Places
}

/** The tools of a check: readers only. */
export interface CheckTools<S extends Settings = Settings> {
  readonly settings: S
  /** The versions of this environment, with those that must never run. */
  readonly versions: Versions
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
  /** What was observed, in a few words with numbers. */
  readonly evidence: string
  /** What to do, in place of the check's own `fix`: the hint of the error that `ask` threw. */
  readonly fix?: string
  /** Values for the placeholders of the fix, as far as this answer knows them. */
  readonly places?: Places
  /** The message of the error that `ask` threw, when its hint is the `fix`. */
  readonly cause?: string
}

/** Values for the placeholders of a fix: `NAMESPACE`, `POD`, `NAME`. */
export type Places = Readonly<Partial<Record<'NAMESPACE' | 'POD' | 'NAME', string>>>

/** A fix with its placeholders replaced by their values; one without a value stays. */
export const placed = (fix: string, places: Places): string =>
  fix.replaceAll(/\b(NAMESPACE|POD|NAME)\b/g, (word) => places[word as keyof Places] ?? word)

/** A passed answer. @param evidence what was observed, in a few words with numbers */
export const passed = (evidence: string): Answer => ({ result: 'passed', evidence })
/** A failed answer. @param evidence as for `passed` @param places values for the placeholders of the check's fix */
export const failed = (evidence: string, places: Places = {}): Answer => ({
  result: 'failed',
  evidence,
  places,
})
/** A warning. @param evidence as for `passed` @param places values for the placeholders of the check's fix */
export const warning = (evidence: string, places: Places = {}): Answer => ({
  result: 'warning',
  evidence,
  places,
})

/** Passed, or a warning when a certificate of these responses expires soon. */
export function passedOver(evidence: string, ...answers: Pick<HttpAnswer, 'certificateEnd'>[]): Answer {
  const near = answers.flatMap(({ certificateEnd }) => (certificateEnd && endNear(certificateEnd)) ?? [])
  return near.length === 0 ? passed(evidence) : warning([evidence, ...new Set(near)].join('; '))
}

/** A finished check: its answer and its duration. */
export interface Outcome extends Omit<Answer, 'places'> {
  readonly id: string
  readonly title: string
  readonly fix: string
  readonly milliseconds: number
  /** The cause that hides this failure, which then has no information of its own. */
  readonly hiddenBy?: string
}

/** A `once` for a set of checks: keeps the promise of each name. */
export function createOnce(): CheckTools['once'] {
  const made = new Map<string, Promise<unknown>>()
  return <T,>(name: string, make: () => Promise<T>): Promise<T> => {
    const promise = made.get(name) ?? make()
    made.set(name, promise)
    return promise as Promise<T>
  }
}

/** Checks that run at the same time: most of them wait, each for its own kubectl or request. */
const atOnce = 4

/**
 * Runs every check that applies, four at a time, and returns their outcomes in the order of the checks. A check that throws has
 * failed.
 * @param asked called with each outcome, in that order
 * @param places values for the placeholders of fixes that neither an answer nor its check gives
 * @throws KitError exit 12, 130 or 143, see answerTo
 */
export async function runChecks<S extends Settings>(
  checks: readonly Check<S>[],
  tools: Omit<CheckTools<S>, 'once'>,
  asked: (outcome: Outcome) => void = () => {},
  places: Places = {},
): Promise<Outcome[]> {
  const limited = createLimit(atOnce)
  const once = createOnce()
  // The first check rethrows an interruption; the same error of the others is ignored.
  const applying = checks.filter(({ when }) => when?.(tools.settings) ?? true)
  const asking = applying.map((check) =>
    awaitedLater(limited(() => outcomeOf(check, { ...tools, once }, places))),
  )
  const outcomes: Outcome[] = []
  for (const one of asking) {
    const outcome = await one
    outcomes.push(outcome)
    asked(outcome)
  }
  return outcomes
}

async function outcomeOf<S extends Settings>(
  { id, title, fix, ask, places: own }: Check<S>,
  tools: CheckTools<S>,
  places: Places,
): Promise<Outcome> {
  const started = performance.now()
  const { places: found, ...answer } = await ask(tools).catch(answerTo)
  return {
    id,
    title,
    ...answer,
    fix: placed(answer.fix ?? fix, { ...places, ...own?.(tools.settings), ...found }),
    milliseconds: Math.round(performance.now() - started),
  }
}

/** Exit codes of errors that keep a check from observing: they are about the connection, not about what it observes. */
const stopping: readonly ExitCode[] = [
  exitCodes.preflight,
  exitCodes.conflict,
  exitCodes.unreachable,
  exitCodes.trust,
  exitCodes.denied,
]

/**
 * The failed answer for an error of a check or drill.
 * @throws the error itself when it is an interruption (exit 130, 143) or this machine's full disk (exit 12)
 */
export function answerTo(thrown: unknown): Answer {
  const about = thrown instanceof KitError ? thrown.exitCode : undefined
  if (about === exitCodes.interrupted || about === exitCodes.terminated || about === exitCodes.localDisk)
    throw thrown
  const hint = thrown instanceof KitError && stopping.includes(thrown.exitCode) ? thrown.hint : undefined
  return {
    ...failed(wordsOf(thrown)),
    // The check's own fix is about what it observes, not about what kept it from observing.
    ...(hint === undefined ? {} : { fix: hint, cause: messageOf(thrown) }),
  }
}

/** The tools of checks, as a context has them. */
export type Tools<S extends Settings> = Omit<CheckTools<S>, 'once'>
