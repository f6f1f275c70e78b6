import { hiddenLine, visible, withCauses } from './causes.mts'
import {
  createOnce,
  placed,
  runChecks,
  type Check,
  type Outcome,
  type Places,
  type Tools,
} from './checks.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { shownPath } from '../base/files.mts'
import { log } from '../base/log.mts'
import { headingOf, masterCommand, namesOf } from '../base/names.mts'
import { runDrills, type Breaking, type Drill } from './drills.mts'
import { verdictOf, writeReport, type Report } from './report.mts'
import type { Tested } from '../state/run-revision.mts'
import type { Declares, Settings } from '../settings/settings.mts'

export type ReportFacts = Omit<Report, 'outcomes' | 'when' | 'number' | 'slug' | 'title' | 'drillsLeft'> & {
  /** When each drill passed last (ISO 8601, UTC), by its id. */
  readonly drilled: Readonly<Record<string, string>>
}

/** What the tests step needs. */
export interface Testing<S extends Settings> {
  readonly checks: readonly Check<S>[]
  readonly drills: readonly Drill<S>[]
  readonly tools: Tools<S>
  /** The faults for drills; undefined when this run runs no drills. */
  readonly breaking: Breaking | undefined
  /** Lets other runs know which drill begins. */
  readonly beginDrill: (id: string) => Promise<void>
  /** Logs in to the module's backends and returns their errors. Called only when a check has failed. */
  readonly causes: () => Promise<readonly KitError[]>
  /** Saves the outcome in the cluster, before the report is written. */
  readonly keep: (found: Tested) => Promise<void>
  /** The content of the report apart from its outcomes. @throws KitError exit 2 listing settings that are missing */
  readonly facts: () => ReportFacts
}

/**
 * Runs a module's checks, its drills when `breaking` is given and every check passed, and writes the report.
 * @throws KitError exit 3 when a drill may not begin; exit 10 when a check or drill fails, exit 12 when the report cannot be written, exit 130 or 143 on a
 *   signal, and what `causes`, `keep` and `facts` throw
 */
export async function runTests<S extends Settings>(module: Declares, testing: Testing<S>): Promise<void> {
  const { checks, drills, tools, breaking, beginDrill, keep, facts } = testing
  const started = performance.now()
  const places = placesOf(module, tools.settings.ENV)
  const met = await runChecks(
    checks,
    tools,
    (outcome) => {
      if (outcome.result === 'warning') log.warn(`${outcome.title}: ${outcome.evidence}`, outcome.fix)
    },
    places,
  )
  const healthy = met.every(({ result }) => result !== 'failed')
  const asked = healthy ? met : withCauses(met, await testing.causes())
  const failed = asked.filter(({ result }) => result === 'failed').length
  if (breaking !== undefined && healthy)
    log.ok(`${asked.length} checks passed: everything is healthy`, started)
  const drilled =
    breaking === undefined || !healthy
      ? []
      : await runDrills(
          drills.map((drill) => ({ ...drill, fix: placed(drill.fix, places) })),
          { ...tools, once: createOnce(), breaking },
          beginDrill,
        ).catch(async (thrown: unknown) => {
          // No drill may begin: what the checks found holds all the same.
          if (thrown instanceof KitError && thrown.exitCode === exitCodes.preflight)
            await keep({ checks: asked.length, failed, drilled: 0, proven: [] })
          throw thrown
        })
  const passedDrills = drilled.filter(({ result }) => result === 'passed')
  await keep({
    checks: asked.length,
    failed,
    drilled: drilled.length,
    proven: passedDrills.map(({ id }) => id),
  })
  const outcomes = [...drilled, ...asked]
  const { drilled: proven, ...rest } = facts()
  const report: Report = {
    number: module.number,
    slug: module.slug,
    title: module.title,
    when: new Date().toISOString(),
    outcomes,
    drillsLeft: drills
      .filter(({ id }) => !drilled.some((one) => one.id === id))
      .map(({ id, title }) => ({ title, proven: proven[id] })),
    ...rest,
  }
  const path = shownPath(writeReport(report))
  const failures = outcomes.filter(({ result }) => result === 'failed')
  if (failures.length > 0)
    throw failedError(module, rest.env, failures, outcomes.length, path, breaking !== undefined)
  const warnings = report.warnings.length + outcomes.filter(({ result }) => result === 'warning').length
  const verdict = verdictOf(report) === 'passed' ? '' : `, ${warnings} warning${warnings === 1 ? '' : 's'}`
  const what = drilled.length === 0 ? 'checks' : `checks and ${drilled.length} drills`
  log.ok(`${asked.length} ${what} passed${verdict}   ${path}`, started)
}

/** Values for the placeholders of a fix: the module's namespace, and all its pods where an answer names none. */
export const placesOf = (module: Declares, env: string): Places => ({
  NAMESPACE: namesOf(module).namespace(env),
  POD: `--selector app.kubernetes.io/name=${module.slug}`,
})

function failedError(
  module: Declares,
  env: string,
  failures: readonly Outcome[],
  all: number,
  path: string,
  drilling: boolean,
): KitError {
  return new KitError(`${failures.length} of ${all} checks of ${headingOf(module)} failed`, {
    exitCode: exitCodes.validationFailed,
    details: [
      ...visible(failures).flatMap(({ id, title, evidence, fix }) => [
        `✗ ${title} (${id}): ${evidence}`,
        `    fix: ${fix}`,
      ]),
      ...hiddenLine(failures),
      ...(drilling ? ['What a drill broke on purpose, it or the next run puts back.'] : []),
    ],
    hint: `the whole report: ${path}; after the repair: ${masterCommand(module.number, env, '--verify')}`,
  })
}
