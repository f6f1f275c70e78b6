import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cancelled, exitCodes } from '../../../../lib/base/errors.mts'
import { interruption } from '../../../../lib/base/signals.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import { explainLines, rolloutError } from '../../../../lib/kube/rollout/failure.mts'
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

const node = (name: string, ready: string, spec: object = {}) => ({
  kind: 'Node',
  metadata: { name },
  spec,
  status: { conditions: [{ type: 'Ready', status: ready }] },
})

/** What is to be done about a pod that finds no node of these, and how often they were asked for. */
async function hintFor(words: string, nodes: readonly object[] | Error) {
  let asked = 0
  const api = fakeApi(() => {
    asked += 1
    if (nodes instanceof Error) throw nodes
    return nodes
  })
  const found = { what: 'no node can take it', where: 'x-1', words, next: 'add a node' }
  const kubectl = { api } as unknown as Kubectl
  const { hint } = await rolloutError(kubectl, 'shop', 'deployment/x', found, { failures: [] })
  return { hint, asked }
}

test('a pod that finds no node names those that are cordoned, with the command, and those that are down', async () => {
  const nodes = [
    node('k8s-1', 'True'),
    node('k8s-2', 'True', { unschedulable: true }),
    node('k8s-3', 'Unknown'),
  ]
  const cordoned = '0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.'
  assert.deepEqual(await hintFor(cordoned, nodes), {
    hint: 'kubectl uncordon k8s-2   when its maintenance is over; or start k8s-3 again, not Ready now; or add a node',
    asked: 1,
  })
  const down = '0/3 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }.'
  assert.match((await hintFor(down, nodes.slice(2))).hint ?? '', /^start k8s-3 again, not Ready now; or add/)
  // Nothing about nodes in it: they are not asked for; and none of it hides the hint there is.
  assert.deepEqual(await hintFor('0/3 nodes are available: 3 Insufficient cpu.', nodes), {
    hint: 'add a node',
    asked: 0,
  })
  assert.equal((await hintFor(cordoned, new Error('away'))).hint, 'add a node')
})

test('an error that was survived long before the end explains nothing when the end has a reason of its own', () => {
  const failures = [
    { line: /lost Redis/, meaning: 'Redis was away.', next: 'start Redis' },
    { line: /out of luck/, meaning: 'It had no luck.', next: 'wait for luck' },
  ]
  const later = Array.from({ length: 60 }, (_, at) => `request ${at}`)
  assert.equal(explainLines(['lost Redis', ...later, 'out of luck'], failures).known, failures[1])
  assert.equal(explainLines(['lost Redis', ...later], failures).known, failures[0])
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
