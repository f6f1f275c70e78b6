import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, type KitError } from '../../../lib/base/errors.mts'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import { kubectlError } from '../../../lib/kube/kubectl-errors.mts'
import { deleteObjects, sendObjects, waitUntilGone } from '../../../lib/kube/objects.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { fakeApi } from './fake-api.mts'

const secret = (metadata: Partial<LiveObject['metadata']> = {}): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'n8n', namespace: 'n8n-dev', uid: '1', ...metadata },
})
const ending = secret({ deletionTimestamp: '2026-11-23T10:00:00Z', finalizers: ['example.com/backup'] })

/** An API server that gives these answers in turn, the last one for ever; and what it was told to delete. */
function apiServer(...answers: (LiveObject | undefined)[]) {
  const deletions: string[][] = []
  const kubectl = {
    run: (words: string[]) => Promise.resolve('secret/n8n\n'.repeat(Math.sign(deletions.push(words)))),
    api: fakeApi(() => (answers.length > 1 ? [answers.shift()] : [answers[0]]).flatMap((one) => one ?? [])),
  } as unknown as Kubectl
  return { kubectl, deletions, left: answers }
}

test('a deleted object is waited for until the API server says that it is gone; another one of its name is none', async () => {
  const { kubectl, deletions, left } = apiServer(ending, undefined)
  await deleteObjects(kubectl, [secret()], { wait: true })
  assert.equal(left.length, 1)
  assert.deepEqual(deletions[0]?.slice(0, 4), [
    'delete',
    '--ignore-not-found',
    '--cascade=foreground',
    '--wait=false',
  ])
  await waitUntilGone(apiServer(secret({ uid: '2' })).kubectl, [secret()], 60)
})

test('what is not gone in time is named with the finalizers it waits for, and the way out: exit 9', async () => {
  await assert.rejects(waitUntilGone(apiServer(ending).kubectl, [secret()], 0.05, 10), {
    exitCode: exitCodes.rolloutFailed,
    details: ['Secret n8n-dev/n8n (waits for its finalizers: example.com/backup)'],
    hint: /kubectl patch secret n8n --namespace n8n-dev/,
  })
})

test('an object nobody is deleting, after a deletion that did nothing, is not called deleted', async () => {
  await assert.rejects(waitUntilGone(apiServer(secret()).kubectl, [secret()], 0.05, 10), {
    exitCode: exitCodes.rolloutFailed,
    details: ['Secret n8n-dev/n8n (nobody is deleting it)'],
  })
})

/** An API server whose webhook denies the Secret named b and does not say so; `failing` fails alone, in another way. */
function withWebhook(failing = 'none') {
  const asked: string[] = []
  const json = (words: string[], { input }: { input: { items: LiveObject[] } }) => {
    const names = input.items.map(({ metadata }) => metadata.name)
    asked.push(`${names.join(',')}${words.includes('--dry-run=server') ? ' dry' : ''}`)
    const stderr =
      names.join() === failing
        ? 'Error from server (Conflict): the object has been modified'
        : 'Error from server: admission webhook "w.example.com" denied the request: no'
    return names.includes('b') || names.join() === failing
      ? Promise.reject(kubectlError(words, { code: 1, stderr }, input))
      : Promise.resolve(undefined)
  }
  return { kubectl: { json } as unknown as Kubectl, asked }
}

test('of several objects, the one a webhook denies without naming it is found by dry runs, and named', async () => {
  const several = ['a', 'b', 'c'].map((name) => secret({ name }))
  const { kubectl, asked } = withWebhook('a')
  await assert.rejects(sendObjects(kubectl, several, { dryRun: false }), (thrown) => {
    assert.match((thrown as KitError).message, /w\.example\.com of the cluster denies Secret n8n-dev\/b$/)
    assert.equal((thrown as KitError).exitCode, exitCodes.denied)
    return true
  })
  assert.deepEqual(asked, ['a,b,c', 'a dry', 'b dry'])
  const alone = withWebhook('b')
  await assert.rejects(sendObjects(alone.kubectl, several, { dryRun: true }), {
    message: /denies one of Secret n8n-dev\/a, Secret n8n-dev\/b, Secret n8n-dev\/c$/,
  })
})
