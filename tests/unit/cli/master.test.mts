import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, type ExitCode } from '../../../lib/base/errors.mts'
import { requireEarlierDone } from '../../../lib/cli/master.mts'

test('--from: earlier modules must be done; a plan of theirs that was interrupted ends the run as that', async () => {
  const planned = (code: ExitCode) => requireEarlierDone('dev', { from: '12' }, () => Promise.resolve(code))
  assert.equal(await planned(exitCodes.done), undefined)
  for (const code of [exitCodes.interrupted, exitCodes.terminated]) assert.equal(await planned(code), code)
  await assert.rejects(planned(exitCodes.changesPending), { exitCode: exitCodes.preflight })
  assert.equal(await requireEarlierDone('dev', {}, () => assert.fail('not asked')), undefined)
})
