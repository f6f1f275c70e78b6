import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { exitCodes } from '../../../lib/base/errors.mts'
import { createDialing } from '../../../lib/hosts/dialing.mts'
import { connect } from '../../../lib/hosts/ssh.mts'
import { startDeadPort } from './dead-port.mts'
import { startSshd } from './sshd.mts'

const graceMs = 100

test('who has accepted no connection when the others have is given up, not before', async () => {
  const attempt = createDialing(graceMs)
  const [first, second, dead] = [attempt(), attempt(), attempt()]
  await pause(2 * graceMs)
  assert.equal(dead.signal.aborted, false, 'nobody has accepted one')
  first.accepted()
  await pause(graceMs / 2)
  second.accepted()
  await pause(graceMs * 0.7)
  assert.equal(dead.signal.aborted, false, 'it has its time after the last of the others')
  await pause(graceMs)
  assert.equal(dead.signal.aborted, true)
  assert.deepEqual([first.signal.aborted, second.signal.aborted], [false, false])
})

test('a second connection to the same host gives the others no more time', async () => {
  const attempt = createDialing(graceMs)
  const [first, dead] = [attempt(), attempt()]
  first.accepted()
  await pause(graceMs * 0.7)
  first.accepted()
  await pause(graceMs * 0.7)
  assert.equal(dead.signal.aborted, true)
})

test('a host that refuses gives no other less time', async () => {
  const attempt = createDialing(graceMs)
  const [refused, slow] = [attempt(), attempt()]
  refused.end()
  await pause(2 * graceMs)
  assert.equal(slow.signal.aborted, false)
})

test('a dead host delays the others by the time it has after them: exit 6', async () => {
  const [sshd, dead] = [await startSshd((command) => ['sh', '-c', command]), await startDeadPort()]
  try {
    const attempt = createDialing(graceMs)
    const started = performance.now()
    const [up, down] = await Promise.allSettled([
      connect(sshd.login, attempt()),
      connect({ ...sshd.login, name: 'worker-02', port: dead.port }, attempt()),
    ])
    assert.ok(performance.now() - started < 5_000, 'not the 15 s of a host alone')
    assert.ok(up.status === 'fulfilled' && down.status === 'rejected')
    up.value.close()
    const { message, exitCode } = down.reason as { message: string; exitCode: number }
    assert.match(message, /^worker-02 \(127\.0\.0\.1\) cannot be reached on port \d+: no answer$/)
    assert.equal(exitCode, exitCodes.unreachable)
  } finally {
    sshd.close()
    dead.close()
  }
})
