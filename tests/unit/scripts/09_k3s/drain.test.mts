import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Finished } from '../../../../lib/base/command.mts'
import { Cancelled, exitCodes, KitError } from '../../../../lib/base/errors.mts'
import type { Host } from '../../../../lib/hosts/host.mts'
import { memberForgotten } from '../../../../scripts/09_k3s/nodes/departure.mts'
import { forgetNode } from '../../../../scripts/09_k3s/nodes/forget-node.mts'
import { deleteStrayPods } from '../../../../scripts/09_k3s/nodes/pod-addresses.mts'
import { drain } from '../../../../scripts/09_k3s/remove/drain.mts'
import { localVolumes } from '../../../../scripts/09_k3s/remove/volumes.mts'
import { untilNow } from './machines.mts'

// What kubectl on a server does not tell, or does not do, while a host leaves its cluster.

const answer = (stdout: string, code = 0, stderr = ''): Finished => ({ code, stdout, stderr })
const failing = answer('', 1, 'Unable to connect to the server: net/http: TLS handshake timeout\n')

interface Given {
  /** Answers to reads, by a part of their words or of what they are shown as. */
  readonly answers: Readonly<Record<string, Finished>>
  /** Errors of changes, by the first word of what they do. */
  readonly errors?: Readonly<Record<string, Error>>
}

/** A server on which kubectl answers so, and what was done on it. */
function serverWith({ answers, errors = {} }: Given) {
  const done: string[] = []
  const host = {
    name: 'master-01',
    read(words: readonly string[], options?: { shown?: string }) {
      const line = `${options?.shown ?? ''} ${words.join(' ')}`
      const found = Object.entries(answers).find(([part]) => line.includes(part))
      assert.ok(found, line)
      return Promise.resolve(found[1])
    },
    change(what: string) {
      done.push(what)
      const error = errors[what.split(' ')[0] ?? '']
      return error === undefined ? Promise.resolve() : Promise.reject(error)
    },
  } as unknown as Host
  return { host, done }
}

const worker = serverWith({ answers: {} })
const leaving = { ...worker.host, name: 'worker-01', address: '192.0.2.21' }
const how = { seconds: 300, planning: false }
const unanswered = {
  exitCode: exitCodes.unreachable,
  details: [failing.stderr.trim(), 'Nothing was written.'],
}

for (const [what, answers] of [
  ['the Node of worker-01', { 'get node': failing }],
  ['the pods of worker-01', { 'get node': answer('worker-01=true'), 'get pods': failing }],
] as const) {
  test(`a server that does not tell ${what}: exit 6; the host does not count as drained, and nothing is done`, async () => {
    const { host, done } = serverWith({ answers })
    const message = `master-01 does not tell ${what}: kubectl failed`
    await assert.rejects(drain(host, leaving, how), { message, ...unanswered })
    assert.deepEqual(done, [])
  })
}

test('a Node that is gone, or drained already, is not drained', async () => {
  const gone = serverWith({ answers: { 'get node': answer('') } })
  const drained = serverWith({
    answers: { 'get node': answer('worker-01=true'), 'get pods': answer('DaemonSet|') },
  })
  for (const { host, done } of [gone, drained]) {
    await drain(host, leaving, how)
    assert.deepEqual(done, [])
  }
})

test('a server that does not tell whether the node password is there: exit 6, for the machine could not join again', async () => {
  const { host, done } = serverWith({
    answers: { 'ask for a Node': answer('node=\n'), 'get secret': failing, 'get pods': answer('') },
  })
  await assert.rejects(forgetNode(host, leaving, untilNow), {
    message: 'master-01 does not tell secret worker-01.node-password.k3s: kubectl failed',
    ...unanswered,
  })
  assert.deepEqual(done, [])
})

test('a server that does not tell its volumes: exit 6, before anybody confirms what is lost', async () => {
  const { host } = serverWith({ answers: { 'get persistentvolumes': failing } })
  await assert.rejects(localVolumes(host, ['worker-01']), unanswered)
})

test('a server that gives no list of members does not say that one is gone', async () => {
  const { host } = serverWith({ answers: { 'ask for a Node': answer('node=\n') } })
  assert.equal(await memberForgotten(host, leaving).missing(), 'master-01 does not say')
})

test('a server that does not tell the pods of a node is asked again, then it is exit 6 with what to look for', async (context) => {
  context.mock.method(performance, 'now', () => (now += 30_000))
  let now = 0
  const { host, done } = serverWith({ answers: { 'ask for pods': failing } })
  await assert.rejects(deleteStrayPods(host, 'worker-01'), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.unreachable)
    assert.match(thrown.message, /^master-01 does not tell the pods of worker-01/)
    assert.match(thrown.hint ?? '', /spec\.nodeName=worker-01/)
    return true
  })
  assert.deepEqual(done, [])
})

const cordoned = { answers: { 'get node': answer('worker-01='), 'get pods': answer('ReplicaSet|') } }
const failed = (...details: string[]) =>
  new KitError('master-01: drain worker-01 failed', { exitCode: exitCodes.rolloutFailed, details })
const alone =
  'error: unable to drain node "worker-01" due to error: cannot delete cannot delete Pods that declare no controller (use --force to override): default/alone, continuing command...'
const drained = (drainError: Error, seconds = 300, errors: Record<string, Error> = {}) => {
  const { host, done } = serverWith({ ...cordoned, errors: { drain: drainError, ...errors } })
  return { done, ended: drain(host, leaving, { seconds, planning: false }) }
}

for (const [what, error, seconds, message, hint] of [
  [
    'pods that do not go in time',
    failed('global timeout reached: 0s'),
    0,
    'the pods of worker-01 did not go within 0 s',
    /^give the application named above another ready pod elsewhere, or more time: DRAIN_SECONDS/,
  ],
  [
    'a pod without a controller, refused at once',
    failed(alone),
    300,
    'kubectl does not evict some pods of worker-01',
    /delete them, or give them a controller/,
  ],
  [
    'an API that fails',
    failed(failing.stderr.trim()),
    300,
    'worker-01 could not be drained',
    /^repair what kubectl names above/,
  ],
] as const) {
  test(`${what}: exit 9 says so, and the Node takes pods again`, async () => {
    const { done, ended } = drained(error, seconds)
    const details = [...error.details, 'worker-01 takes pods again.']
    await assert.rejects(ended, (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.deepEqual(
        [thrown.message, thrown.exitCode, thrown.details],
        [message, exitCodes.rolloutFailed, details],
      )
      assert.match(thrown.hint ?? '', hint)
      return true
    })
    assert.deepEqual(done, ['drain worker-01', 'let worker-01 take pods again'])
  })
}

test('a Node that cannot be uncordoned does not hide why the drain failed', async () => {
  const { ended } = drained(failed(alone), 300, { let: failed('connection refused') })
  await assert.rejects(ended, {
    message: 'kubectl does not evict some pods of worker-01',
    details: [
      alone,
      'worker-01 is still marked as leaving, and may be cordoned: master-01: drain worker-01 failed; connection refused',
    ],
  })
})

test('a connection that is lost during the drain: exit 6 as itself; without it nothing can be taken back', async () => {
  const lost = new KitError('master-01: the connection is lost', { exitCode: exitCodes.unreachable })
  const { done, ended } = drained(lost, 0)
  await assert.rejects(ended, {
    message: lost.message,
    exitCode: exitCodes.unreachable,
    details: ['worker-01 may be cordoned, and some of its pods gone to other nodes. K3s is still on it.'],
    hint: 'run the same command again: it goes on from here',
  })
  assert.deepEqual(done, ['drain worker-01'])
})

for (const thrown of [new Cancelled(), new KitError('another run has it', { exitCode: exitCodes.locked })]) {
  test(`${thrown.message} during the drain: exit ${thrown.exitCode}, and nothing more is done`, async () => {
    const { done, ended } = drained(thrown)
    await assert.rejects(ended, thrown)
    assert.deepEqual(done, ['drain worker-01'])
  })
}
