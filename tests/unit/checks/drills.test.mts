import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWrites } from '../../../lib/base/writes.mts'
import { createBreaking } from '../../../lib/checks/drills.mts'
import type { Kubectl, KubectlOptions } from '../../../lib/kube/kubectl.mts'
import type { Manifest } from '../../../lib/kube/types.mts'

const live = {
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'a' },
  spec: { selector: { matchLabels: { app: 'web' } } },
}
const pod = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'a', uid: name, ...more },
})

/** A stand-in for a cluster in which one pod of web is being deleted and another is new, for so many looks. */
function cluster(looks: number) {
  const asked: [readonly string[], KubectlOptions][] = []
  const looked: string[][] = []
  const ending = pod('web-1', { deletionTimestamp: '2026-11-29T10:00:00Z' })
  const kubectl = {
    run: (words: readonly string[], options: KubectlOptions) => {
      asked.push([words, options])
      return Promise.resolve('')
    },
    api: {
      find: (manifests: readonly Manifest[]) => {
        looked.push(manifests.map(({ metadata }) => metadata?.name ?? ''))
        return Promise.resolve((looks -= 1) < 0 ? [] : [ending])
      },
    },
  } as unknown as Kubectl
  const kube = {
    reader: {
      get: () => Promise.resolve(live),
      list: () => Promise.resolve([ending, pod('web-2')]),
    },
    waitForRolloutUncached: () => Promise.resolve(),
  }
  const repairs = createWrites({ planning: false, guard: () => Promise.resolve() })
  return { asked, looked, breaking: createBreaking({ kubectl, kube: kube as never, repairs }) }
}

test('a drill that deletes pods by their labels does it once: after a lost answer the new ones have the same labels', async () => {
  const { asked, breaking } = cluster(0)
  await breaking.losePods('a', ['web'])
  const deletions = asked.filter(([words]) => words[0] === 'delete')
  assert.equal(deletions.length, 1)
  assert.deepEqual(deletions[0]?.[0], [
    'delete',
    'pods',
    '--namespace',
    'a',
    '--selector',
    'app=web',
    '--wait=false',
  ])
  assert.equal(deletions[0]?.[1].once, true)
})

test('the pods that are being deleted are waited for by waitUntilGone, which knows of dead nodes; new ones are not', async () => {
  const { looked, breaking } = cluster(1)
  await breaking.losePods('a', ['web'])
  assert.deepEqual(looked, [['web-1'], ['web-1']])
})
