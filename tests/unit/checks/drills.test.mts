import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWrites } from '../../../lib/base/writes.mts'
import { createBreaking } from '../../../lib/checks/drills.mts'
import type { Kubectl, KubectlOptions } from '../../../lib/kube/kubectl.mts'

test('a drill that deletes pods by their labels does it once: after a lost answer the new ones have the same labels', async () => {
  const asked: [readonly string[], KubectlOptions][] = []
  const kubectl = {
    run: (words: readonly string[], options: KubectlOptions) => {
      asked.push([words, options])
      return Promise.resolve('')
    },
  } as unknown as Kubectl
  const live = {
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'a' },
    spec: { selector: { matchLabels: { app: 'web' } } },
  }
  const kube = {
    reader: { get: () => Promise.resolve(live) },
    waitForRolloutUncached: () => Promise.resolve(),
  }
  const repairs = createWrites({ planning: false, guard: () => Promise.resolve() })
  await createBreaking({ kubectl, kube: kube as never, repairs }).losePods('a', ['web'])
  assert.equal(asked.length, 1)
  assert.deepEqual(asked[0]?.[0].slice(0, 2), ['delete', 'pods'])
  assert.equal(asked[0]?.[1].once, true)
})
