import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import { interruption } from '../../../lib/base/signals.mts'
import { ObjectModified } from '../../../lib/kube/server-errors.mts'
import { deleteObjects, sendObjects, waitUntilGone } from '../../../lib/kube/objects.mts'
import { nameOf, type LiveObject, type Manifest } from '../../../lib/kube/types.mts'
import { fakeApi } from './fake-api.mts'

const secret = (metadata: Partial<LiveObject['metadata']> = {}): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'n8n', namespace: 'n8n-dev', uid: '1', ...metadata },
})
const ending = secret({ deletionTimestamp: '2026-11-23T10:00:00Z', finalizers: ['example.com/backup'] })

/** An API server that gives these answers in turn, the last one for ever; and what it was told to delete. */
function apiServer(...answers: (LiveObject | undefined)[]) {
  const deletions: [name: string, uid: string | undefined, foreground: boolean][] = []
  const api = fakeApi(
    () => (answers.length > 1 ? [answers.shift()] : [answers[0]]).flatMap((one) => one ?? []),
    {
      remove: ({ metadata: { name, uid } }, foreground) =>
        Promise.resolve(deletions.push([name, uid, foreground]) > 0),
    },
  )
  const kubectl = { api } as unknown as Kubectl
  return { kubectl, deletions, left: answers }
}

test('a deleted object is waited for until the API server says that it is gone; another one of its name is none', async () => {
  const { kubectl, deletions, left } = apiServer(ending, undefined)
  await deleteObjects(kubectl, [secret()], { wait: true })
  assert.equal(left.length, 1)
  assert.deepEqual(deletions, [['n8n', '1', true]])
  await waitUntilGone(apiServer(secret({ uid: '2' })).kubectl, [secret()], 60)
})

test('what is not gone in time is named with the finalizers it waits for, and the way out: exit 9', async () => {
  await assert.rejects(waitUntilGone(apiServer(ending).kubectl, [secret()], 0.05, 10), {
    exitCode: exitCodes.rolloutFailed,
    details: ['Secret n8n-dev/n8n (waits for its finalizers: example.com/backup)'],
    hint: /kubectl patch secret n8n --namespace n8n-dev/,
  })
})

test('the grace period of the pods that are waited for is added to the time: a busy worker ends properly', async () => {
  const worker = (kind: string, seconds: number): LiveObject => {
    const spec = { terminationGracePeriodSeconds: seconds }
    const metadata = { name: 'worker', namespace: 'n8n-dev', uid: '1', deletionTimestamp: 'now' }
    return { apiVersion: 'v1', kind, metadata, spec: kind === 'Pod' ? spec : { template: { spec } } }
  }
  for (const kind of ['Pod', 'Deployment']) {
    const of = (seconds: number) => [worker(kind, seconds)]
    const late = { message: '1 objects are not gone after 0.25 s' }
    await assert.rejects(waitUntilGone(apiServer(...of(0.2)).kubectl, of(0.2), 0.05, 10), late)
    const answers = [...Array.from({ length: 20 }, () => worker(kind, 3600)), undefined]
    await waitUntilGone(apiServer(...answers).kubectl, of(3600), 0.05, 10)
  }
})

test('an object nobody is deleting, after a deletion that did nothing, is not called deleted', async () => {
  await assert.rejects(waitUntilGone(apiServer(secret()).kubectl, [secret()], 0.05, 10), {
    exitCode: exitCodes.rolloutFailed,
    details: ['Secret n8n-dev/n8n (nobody is deleting it)'],
  })
})

/** An API server that refuses the Secrets named here, and notes what it applies and when. */
function refusing(refusals: Readonly<Record<string, Error>>) {
  const applied: string[] = []
  let underWay = 0
  let most = 0
  const api = fakeApi(() => [], {
    async apply(manifest) {
      underWay += 1
      most = Math.max(most, underWay)
      await setTimeout(10)
      underWay -= 1
      const refusal = refusals[manifest.metadata?.name ?? '']
      if (refusal !== undefined) throw refusal
      applied.push(nameOf(manifest as LiveObject))
      return manifest as LiveObject
    },
  })
  return { kubectl: { api } as unknown as Kubectl, applied, most: () => most }
}

const quota = new KitError('the namespace’s quota does not allow it', { exitCode: exitCodes.rolloutFailed })

test('what others need is sent first: namespaces, what pods read, what starts pods, what sends to them; the rest at once', async () => {
  const of = (kind: string): Manifest => ({ apiVersion: 'v1', kind, metadata: { name: 'a' } })
  const kinds = ['Ingress', 'Deployment', 'Secret', 'ConfigMap', 'Namespace', 'CustomResourceDefinition']
  // Kubernetes deletes a token Secret that comes before its ServiceAccount.
  kinds.push('ServiceAccount')
  const { kubectl, applied, most } = refusing({})
  await sendObjects(kubectl, kinds.map(of), { dryRun: false })
  assert.deepEqual(
    applied,
    [
      'Namespace',
      'CustomResourceDefinition',
      'ServiceAccount',
      'Secret',
      'ConfigMap',
      'Deployment',
      'Ingress',
    ].map((kind) => `${kind} a`),
  )
  assert.equal(most(), 2)
  const dry = refusing({})
  await sendObjects(dry.kubectl, kinds.map(of), { dryRun: true })
  assert.equal(dry.most(), kinds.length, 'a dry run stores nothing: none waits for another')
})

test('a refusal names what was applied all the same and what was not, and ends the send before what comes after', async () => {
  const several = [...['a', 'b', 'c'].map((name) => secret({ name })), { ...secret(), kind: 'Deployment' }]
  const { kubectl, applied } = refusing({ b: quota })
  await assert.rejects(sendObjects(kubectl, several, { dryRun: false }), {
    exitCode: exitCodes.rolloutFailed,
    message: quota.message,
    details: [
      'applied: Secret n8n-dev/a, Secret n8n-dev/c',
      'not applied: Secret n8n-dev/b, Deployment n8n-dev/n8n',
    ],
  })
  assert.deepEqual(applied, ['Secret n8n-dev/a', 'Secret n8n-dev/c'])
  await assert.rejects(sendObjects(refusing({ b: quota }).kubectl, several, { dryRun: true }), {
    details: [],
  })
})

test('an object another client has written since, and an interruption, stay what they are', async () => {
  const several = ['a', 'b'].map((name) => secret({ name }))
  for (const refusal of [
    new ObjectModified([]),
    new KitError('stopped', { exitCode: exitCodes.interrupted }),
  ])
    await assert.rejects(
      sendObjects(refusing({ b: refusal }).kubectl, several, { dryRun: false }),
      (thrown) => thrown === refusal,
    )
})

test('a Ctrl-C while objects are sent is exit 130, also when another one was refused before', async () => {
  interruption.listen()
  const api = fakeApi(() => [], {
    async apply(manifest) {
      if (manifest.metadata?.name === 'a') throw quota
      process.kill(process.pid, 'SIGINT')
      while (!interruption.signal.aborted) await setTimeout(10)
      throw interruption.signal.reason
    },
  })
  await assert.rejects(
    sendObjects(
      { api } as unknown as Kubectl,
      ['a', 'b'].map((name) => secret({ name })),
      { dryRun: false },
    ),
    { exitCode: exitCodes.interrupted },
  )
})
