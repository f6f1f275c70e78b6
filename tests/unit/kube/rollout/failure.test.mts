import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cancelled, exitCodes } from '../../../../lib/base/errors.mts'
import { interruption } from '../../../../lib/base/signals.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import { rolloutError } from '../../../../lib/kube/rollout/failure.mts'
import { fakeApi } from '../fake-api.mts'

const diagnosis = {
  what: 'it crashes again and again',
  where: 'pod x-1',
  words: 'exit 7',
  next: 'read its log',
  log: { pod: 'x-1', container: 'x', previous: true },
}

test('a log that cannot be fetched does not hide why a container fails', async () => {
  const api = fakeApi(() => [], { raw: () => Promise.reject(new Error('connection reset')) })
  const kubectl = { api } as unknown as Kubectl
  const error = await rolloutError(kubectl, 'shop', 'deployment/x', diagnosis as never, { failures: [] })
  assert.equal(error.exitCode, exitCodes.rolloutFailed)
  assert.match(error.message, /deployment\/x cannot start: it crashes again and again/)
  assert.deepEqual(error.details, ['pod x-1: exit 7'])
})

test('a reason that Python wrote 60 lines before the end of its trace is found, and shown with the last five', async () => {
  const trace = Array.from({ length: 60 }, (_, at) => `  File "x.py", line ${at}`)
  const written = ['starting', 'OperationalError: out of luck', ...trace]
  const raw = (path: string) =>
    Promise.resolve(written.slice(-Number(/tailLines=(\d+)/.exec(path)?.[1])).join('\n'))
  const failures = [{ line: /out of luck/, meaning: 'It had no luck.', next: 'wait for luck' }]
  const kubectl = { api: fakeApi(() => [], { raw }) } as unknown as Kubectl
  const error = await rolloutError(kubectl, 'shop', 'deployment/x', diagnosis as never, { failures })
  assert.equal(error.hint, 'wait for luck')
  assert.deepEqual(
    error.details.slice(1),
    [written[1], ...trace.slice(-5)].map((line) => `| ${line}`).concat('It had no luck.'),
  )
})

// The last test of this file: an interruption stays.
test('an interruption while a log is fetched ends the run as such', async () => {
  const api = fakeApi(() => [], { raw: () => Promise.reject(new Cancelled()) })
  interruption.failWith(new Cancelled())
  await assert.rejects(
    rolloutError({ api } as unknown as Kubectl, 'shop', 'deployment/x', diagnosis as never, { failures: [] }),
    { exitCode: exitCodes.interrupted },
  )
})
