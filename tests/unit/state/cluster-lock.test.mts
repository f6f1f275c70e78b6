import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { createClusterLock, takeLock } from '../../../lib/state/cluster-lock.mts'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import { ObjectModified } from '../../../lib/kube/server-errors.mts'
import type { LiveObject, Manifest } from '../../../lib/kube/types.mts'
import { drillOf, inDrill, isHeld, leaseFor, type Lease } from '../../../lib/state/lease.mts'
import { hasEnded, processIdentity } from '../../../lib/state/process-identity.mts'
import { fakeApi } from '../kube/fake-api.mts'

// The API server here is a stand-in that keeps one Lease and its version, and refuses to write over another one.

function apiServer(first?: Lease) {
  let version = 1
  let stored = first && withVersion(first, version)
  let answerLost = false
  let away = false
  const conflict = () => new ObjectModified(['Error from server (Conflict): modified'])
  const answerOrThrow = () => {
    if (!away) return
    away = false
    throw new KitError('the API server is away', { exitCode: exitCodes.unreachable })
  }
  const write = async (sent: Manifest) => {
    answerOrThrow()
    const lease = sent as Lease
    if (lease.metadata.resourceVersion !== stored?.metadata.resourceVersion) throw conflict()
    stored = withVersion(lease, (version += 1))
    if (!answerLost) return stored as unknown as LiveObject
    answerLost = false
    throw conflict()
  }
  const answer = () => {
    answerOrThrow()
    return stored === undefined ? [] : [stored]
  }
  const kubectl = { api: fakeApi(answer, { create: write, replace: write }) }
  return {
    kubectl: kubectl as unknown as Kubectl,
    get lease() {
      return stored
    },
    /** The next question is not answered. */
    goAway: () => void (away = true),
    /** The next write is done, and its answer lost: kubectl's second try meets a lease that has moved. */
    loseAnswer: () => void (answerLost = true),
    /** Somebody else writes. */
    put: (lease: Lease) => (stored = withVersion(lease, (version += 1))),
  }
}

const withVersion = (lease: Lease, version: number): Lease => ({
  ...lease,
  metadata: { ...lease.metadata, resourceVersion: String(version) },
})

const take = (server: ReturnType<typeof apiServer>, holder = 'root@admin') =>
  takeLock({ kubectl: server.kubectl, found: server.lease, holder, wait: false })

test('a free lease is taken, proven by renewing, and free again after the run', async () => {
  const server = apiServer()
  const lock = await take(server)
  assert.equal(server.lease?.spec.holderIdentity, 'root@admin')
  await lock.require()
  await lock.release()
  assert.equal(isHeld(server.lease ?? ({} as Lease)), false)
})

test('a lease another run took meanwhile is lost: exit 11, and stays theirs', async () => {
  const server = apiServer()
  const lock = await take(server)
  server.put(leaseFor(server.lease, 'ops@elsewhere', undefined))
  await assert.rejects(
    lock.require(),
    (error) => error instanceof KitError && error.exitCode === 11 && error.message.includes('ops@elsewhere'),
  )
  await assert.rejects(lock.require(), /lost the cluster/, 'and it stays lost')
  await lock.release()
  assert.equal(server.lease?.spec.holderIdentity, 'ops@elsewhere')
})

test('a renewal whose answer was lost on the way is recognised as our own', async () => {
  const server = apiServer()
  const lock = await take(server)
  if (server.lease !== undefined) server.put(server.lease)
  await lock.require()
  await lock.release()
})

test('a lease whose answer was lost on the way is this run’s all the same, at once', async () => {
  const server = apiServer()
  server.loseAnswer()
  const lock = await take(server)
  assert.equal(lock.waited, false)
  await lock.require()
  await lock.release()
})

const holdOf = (server: ReturnType<typeof apiServer>) =>
  createClusterLock({
    kubectl: server.kubectl,
    found: server.lease,
    holder: 'root@admin',
    wait: false,
    hasNamespace: true,
  })

test('a run that writes nothing takes no lock', async () => {
  const server = apiServer()
  await holdOf(server).release()
  assert.equal(server.lease, undefined)
})

test('the first write takes the lock, and the run keeps it until its end', async () => {
  const server = apiServer()
  const hold = holdOf(server)
  await Promise.all([hold.assertHeld(), hold.acquire()])
  assert.equal(server.lease?.spec.holderIdentity, 'root@admin')
  await hold.release()
  assert.equal(isHeld(server.lease ?? ({} as Lease)), false)
})

test('a run that another one overtook between its look and its first write writes nothing: exit 11', async () => {
  const server = apiServer(leaseFor(undefined, '', undefined))
  const hold = holdOf(server)
  // The other one has come and gone: the lease is free again.
  server.put(leaseFor(server.lease, '', undefined))
  for (const attempt of [hold.assertHeld(), hold.acquire(), hold.assertHeld()])
    await assert.rejects(
      attempt,
      (error) =>
        error instanceof KitError && error.exitCode === 11 && /since this one looked/.test(error.message),
    )
  await hold.release()
  assert.equal(isHeld(server.lease ?? ({} as Lease)), false, 'and the next run may begin')
})

test('a lock that could not be had because nobody answered is asked for again', async () => {
  const server = apiServer()
  const hold = holdOf(server)
  server.goAway()
  await assert.rejects(hold.assertHeld(), /away/)
  await hold.assertHeld()
  assert.equal(server.lease?.spec.holderIdentity, 'root@admin')
  await hold.release()
})

test('a run that can read again may have waited', async () => {
  const server = apiServer(leaseFor(undefined, '', undefined))
  const hold = holdOf(server)
  server.put(leaseFor(server.lease, '', undefined))
  assert.equal(await hold.acquireAndRefresh(), true)
  await hold.assertHeld()
  await hold.release()
})

test('a holder that ended on this machine is taken over at once', async () => {
  const child = spawn('sleep', ['0'])
  const identity = processIdentity()?.split(' ')
  await once(child, 'exit')
  const ended = [identity?.[0], identity?.[1], child.pid, '1'].join(' ')
  const server = apiServer(leaseFor(undefined, 'root@admin, killed', ended))
  const lock = await take(server)
  assert.equal(server.lease?.spec.holderIdentity, 'root@admin')
  await lock.release()
})

test('a process that runs has not ended; one of another boot or PID namespace is never judged', () => {
  const own = processIdentity() ?? ''
  const [boot, namespace, pid, start] = own.split(' ')
  assert.equal(hasEnded(own), false)
  assert.equal(
    hasEnded([boot, namespace, pid, `${start}9`].join(' ')),
    true,
    'the same number, another process',
  )
  assert.equal(hasEnded(['other-boot', namespace, '999999999', start].join(' ')), false)
  assert.equal(hasEnded([boot, 'pid:[1]', '999999999', start].join(' ')), false)
  assert.equal(hasEnded(''), false)
})

test('a drill that begins is written into the lease, stays there while it is renewed, and goes with the run', async () => {
  const server = apiServer()
  const hold = holdOf(server)
  const drill = () => server.lease && drillOf(server.lease)
  await hold.assertHeld()
  assert.equal(drill(), undefined)
  await hold.beginDrill('n8n.credential')
  await hold.assertHeld()
  assert.match(drill() ?? '', /^n8n\.credential of root@admin since 20/)
  await hold.beginDrill('n8n.queue')
  assert.match(drill() ?? '', /^n8n\.queue of/)
  await hold.release()
  assert.doesNotMatch(JSON.stringify(server.lease), /n8n/)
})

test('a run that takes over from one that was killed in a drill is in none; a free lease neither', () => {
  const killed = inDrill(leaseFor(undefined, 'root@admin', undefined), 'n8n.credential')
  assert.match(drillOf(killed) ?? '', /^n8n\.credential of root@admin/)
  assert.equal(drillOf(leaseFor(killed, 'next', undefined)), undefined)
  assert.equal(drillOf(inDrill(leaseFor(undefined, '', undefined), 'n8n.credential')), undefined)
})
