import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cancelled, exitCodes, KitError } from '../../../lib/base/errors.mts'
import { createUntil, type Condition } from '../../../lib/base/poll.mts'
import { interruption } from '../../../lib/base/signals.mts'

const broken: Condition = {
  what: 'k8s-master-02',
  seconds: 10,
  missing: () => Promise.resolve('its service failed'),
  isFatal: () => true,
  hint: 'repair that, then run the same command again',
}
const gone = new KitError('k8s-master-02: the connection is lost', { exitCode: exitCodes.unreachable })

test('what did not become ready is told with its last log lines, and without them when they cannot be read', async () => {
  for (const [lastLogLines, details] of [
    [() => Promise.resolve(['etcd: no leader']), ['etcd: no leader']],
    [() => Promise.reject(gone), ['its log cannot be read: k8s-master-02: the connection is lost']],
    [undefined, []],
  ] as const)
    await assert.rejects(
      createUntil(false)({ ...broken, ...(lastLogLines === undefined ? {} : { lastLogLines }) }),
      {
        exitCode: exitCodes.rolloutFailed,
        message: 'k8s-master-02 did not become ready: its service failed',
        details,
        hint: broken.hint,
      },
    )
})

// The last test of this file: an interruption stays.
test('an interruption while the log is read ends the run as such', async () => {
  const lastLogLines = () => {
    interruption.failWith(new Cancelled())
    return Promise.reject(gone)
  }
  await assert.rejects(createUntil(false)({ ...broken, lastLogLines }), { exitCode: exitCodes.interrupted })
})
