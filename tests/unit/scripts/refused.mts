import assert from 'node:assert/strict'
import { KitError } from '../../../lib/base/errors.mts'
import { written } from '../../../lib/base/written.mts'
import type { Module } from '../../../lib/run/module.mts'
import { completeSettings } from '../../../lib/settings/complete.mts'
import type { RawValues, Resolved } from '../../../lib/settings/settings.mts'

/** Completes settings as a module's first step does. Nothing is asked, nothing is written. @param live Secrets' values @param overrides the answers file */
export const complete = (
  module: Module,
  saved: RawValues,
  live: RawValues = {},
  overrides: RawValues = {},
): Promise<readonly Resolved[]> =>
  completeSettings({
    module,
    sources: { env: 'staging', overrides, saved, variables: {} },
    live,
    interactive: false,
  })

/** The error by which they are refused. */
export async function refusal(module: Module, saved: RawValues, live: RawValues = {}): Promise<KitError> {
  const thrown = await complete(module, saved, live).then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof KitError, String(thrown))
  return thrown
}

/** The only problem of invalid settings: exit 2, one line. */
export async function problemOf(module: Module, saved: RawValues): Promise<string> {
  const { exitCode, details } = await refusal(module, saved)
  assert.equal(exitCode, 2)
  const problems = details.filter((line) => line !== written())
  assert.equal(problems.length, 1, details.join('\n'))
  return problems[0] ?? ''
}
