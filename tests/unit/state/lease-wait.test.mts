import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import { inDrill, leaseFor, released, type Lease } from '../../../lib/state/lease.mts'
import { waitForLease } from '../../../lib/state/lease-wait.mts'
import { fakeApi, watchOf } from '../kube/fake-api.mts'

const first = leaseFor(undefined, 'ops@elsewhere', undefined)
const renewedAt = (renewTime: string): Lease => ({
  ...first,
  spec: { ...first.spec, leaseDurationSeconds: 0.3, renewTime },
})
const held = renewedAt('2026-11-30T10:00:00.000000Z')
const later = renewedAt('2026-11-30T10:00:05.000000Z')

/** A cluster whose watch has no event, as where this machine lost the API server; `answers` to each read of the lease. */
function waiting(context: TestContext, wait: boolean, ...answers: (Lease | undefined | KitError)[]) {
  const said: string[] = []
  context.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0)
  const answer = () => {
    const next = answers.shift()
    if (next instanceof KitError) throw next
    return next === undefined ? [] : [next]
  }
  const api = fakeApi(answer, { watch: (_kind, _namespace, signal) => Promise.resolve(watchOf(signal)) })
  const found = waitForLease({ api } as unknown as Kubectl, held, { wait })
  return { found, said: () => said.join(''), left: answers }
}

test('a lease that its holder no longer renews is taken over', async (context) => {
  const { found, said } = waiting(context, false, held)
  assert.equal((await found)?.spec.renewTime, held.spec.renewTime)
  assert.match(said(), /the run of ops@elsewhere .* is gone: its lock is taken over/)
})

test('a holder that this machine only lost sight of is alive: it is waited for, and nothing is said of its end', async (context) => {
  const { found, said, left } = waiting(context, true, later, released(later))
  assert.equal((await found)?.spec.holderIdentity, '')
  assert.equal(left.length, 0)
  assert.doesNotMatch(said(), /is gone/)
})

test('without --wait it is exit 11', async (context) => {
  const { found } = waiting(context, false, later)
  await assert.rejects(found, { exitCode: exitCodes.locked })
  // During a drill it says which.
  const drill = waiting(context, false, inDrill(later, 'n8n.credential')).found
  await assert.rejects(drill, (thrown) => {
    assert.match((thrown as KitError).details[0] ?? '', /^drill n8n\.credential of ops@elsewhere since/)
    return true
  })
})

test('an API server that does not answer is told as that', async (context) => {
  const away = new KitError('the API server cannot be reached', { exitCode: exitCodes.unreachable })
  const { found, said } = waiting(context, true, away)
  await assert.rejects(found, { exitCode: exitCodes.unreachable })
  assert.doesNotMatch(said(), /is gone/)
})
