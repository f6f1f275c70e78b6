import { runChecks, type Check, type Outcome } from './checks.mts'
import type { Tools } from './context.mts'
import { exitCodes, KitError } from './errors.mts'
import { shownPath } from './file.mts'
import { log } from './log.mts'
import { headingOf, type Module } from './module.mts'
import { verdictOf, writeReport, type Report } from './report.mts'
import type { Settings } from './settings.mts'

export type ReportFacts = Omit<Report, 'outcomes' | 'when' | 'number' | 'slug' | 'title'>

/**
 * Asks a module's checks, shows those that did not pass, writes the report.
 * @returns how many checks passed
 * @throws KitError exit 10 when one fails
 */
export async function runTests<S extends Settings>(
  module: Module,
  checks: readonly Check<S>[],
  tools: Tools<S>,
  facts: () => ReportFacts,
): Promise<number> {
  const started = performance.now()
  const outcomes = await runChecks(checks, tools, (outcome) => {
    if (outcome.result === 'warning') log.warn(`${outcome.title}: ${outcome.evidence}`, outcome.fix)
  })
  const report: Report = {
    number: module.number,
    slug: module.slug,
    title: module.title,
    when: new Date().toISOString(),
    outcomes,
    ...facts(),
  }
  const path = shownPath(writeReport(report))
  const failures = outcomes.filter(({ result }) => result === 'failed')
  if (failures.length > 0) throw failedError(module, failures, outcomes.length, path)
  const warnings = report.warnings.length + outcomes.filter(({ result }) => result === 'warning').length
  const verdict = verdictOf(report) === 'passed' ? '' : `, ${warnings} warning${warnings === 1 ? '' : 's'}`
  log.ok(`${outcomes.length} checks passed${verdict}   ${path}`, started)
  return outcomes.length
}

const failedError = (module: Module, failures: readonly Outcome[], all: number, path: string): KitError =>
  new KitError(`${failures.length} of ${all} checks of ${headingOf(module)} failed`, {
    exitCode: exitCodes.validationFailed,
    details: failures.flatMap(({ id, title, evidence, fix }) => [
      `✗ ${title} (${id}): ${evidence}`,
      `    fix: ${fix}`,
    ]),
    hint: `the whole report: ${path}; after the repair ./00_master_install.mjs --module ${module.number} --verify`,
  })
