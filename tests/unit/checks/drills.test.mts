import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWrites } from '../../../lib/base/writes.mts'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { passed } from '../../../lib/checks/checks.mts'
import { createBreaking, runDrills, type Drill, type DrillTools } from '../../../lib/checks/drills.mts'
import type { Api } from '../../../lib/kube/api.mts'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
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
  const deletions: Parameters<Api['removeAll']>[] = []
  const looked: string[][] = []
  const ending = pod('web-1', { deletionTimestamp: '2026-11-29T10:00:00Z' })
  const kubectl = {
    api: {
      removeAll: (...words: Parameters<Api['removeAll']>) => {
        deletions.push(words)
        return Promise.resolve()
      },
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
  return { deletions, looked, breaking: createBreaking({ kubectl, kube: kube as never, repairs }) }
}

test('a drill that deletes pods by their labels does it once: after a lost answer the new ones have the same labels', async () => {
  const { deletions, breaking } = cluster(0)
  await breaking.losePods('a', ['web'])
  assert.deepEqual(deletions, [['pods', 'a', 'app=web', { once: true }]])
})

test('the pods that are being deleted are waited for by waitUntilGone, which knows of dead nodes; new ones are not', async () => {
  const { looked, breaking } = cluster(1)
  await breaking.losePods('a', ['web'])
  assert.deepEqual(looked, [['web-1'], ['web-1']])
})

test('each drill is announced before it begins; one that cannot be is not begun', async (context) => {
  context.mock.method(process.stderr, 'write', () => true)
  const seen: string[] = []
  const drill = (id: string): Drill => ({
    id,
    title: id,
    fix: '',
    run: () =>
      Promise.resolve(void seen.push(`run ${id}`)).then(() => ({ result: 'passed', evidence: 'held' })),
  })
  const begin = async (id: string) => {
    seen.push(`begin ${id}`)
    await Promise.resolve()
    if (id === 'lost') throw new Error('another run has the lock')
  }
  const outcomes = await runDrills([drill('one'), drill('lost'), drill('two')], {} as never, begin)
  assert.deepEqual(seen, ['begin one', 'run one', 'begin lost', 'begin two', 'run two'])
  assert.deepEqual(
    outcomes.map(({ result }) => result),
    ['passed', 'failed', 'passed'],
  )
})

/** A cluster that creates and deletes one pod. @param left a pod of that name is there before */
function podCluster(left: boolean) {
  const done: string[] = []
  let there = left
  const trial = { ...pod('trial'), spec: { activeDeadlineSeconds: 120 } }
  const kubectl = {
    api: {
      apply: (one: Manifest) => {
        done.push(`create ${one.metadata?.name}`)
        there = true
        return Promise.resolve(one)
      },
      remove: () => {
        done.push('delete trial')
        there = false
        return Promise.resolve(true)
      },
      find: () => Promise.resolve(there ? [trial] : []),
    },
  } as unknown as Kubectl
  const kube = { reader: { get: () => Promise.resolve(there ? trial : undefined) } }
  const repairs = createWrites({ planning: false, guard: () => Promise.resolve() })
  return { done, trial, breaking: createBreaking({ kubectl, kube: kube as never, repairs }) }
}

test('a pod of a drill is deleted once it was observed, also when that fails; one that was left goes first', async () => {
  for (const left of [false, true]) {
    const { done, trial, breaking } = podCluster(left)
    const seen = await breaking.withPod(trial, () => Promise.resolve([...done]))
    const before = left ? ['delete trial', 'create trial'] : ['create trial']
    assert.deepEqual(seen, before)
    assert.deepEqual(done, [...before, 'delete trial'])
  }
  const { done, trial, breaking } = podCluster(false)
  await assert.rejects(
    breaking.withPod(trial, () => Promise.reject(new Error('observed'))),
    /observed/,
  )
  assert.deepEqual(done, ['create trial', 'delete trial'])
})

test('when one drill may not begin none does: exit 3', async () => {
  const ran: string[] = []
  const drill = (id: string, more: Partial<Drill> = {}): Drill => ({
    id,
    title: id,
    fix: 'repair that',
    run: () => Promise.resolve((ran.push(id), passed('it holds'))),
    ...more,
  })
  const refusing = drill('b', {
    require: () => Promise.reject(new KitError('not now', { exitCode: exitCodes.preflight })),
  })
  const tools = {} as DrillTools
  await assert.rejects(runDrills([drill('a'), refusing], tools), { exitCode: exitCodes.preflight })
  assert.deepEqual(ran, [])
  await runDrills([drill('a'), drill('b', { require: () => Promise.resolve() })], tools)
  assert.deepEqual(ran, ['a', 'b'])
})

test('writes of a test pass the gate once, are never repeated, and end with their object', async () => {
  const asked: unknown[] = []
  let gates = 0
  const kubectl = {
    api: {
      apply: (manifest: Manifest) => Promise.resolve(asked.push(['apply', manifest.metadata?.name])),
      replace: (_manifest: Manifest, options: unknown) => Promise.resolve(asked.push(['replace', options])),
      remove: (object: Manifest, _foreground: boolean, options: unknown) =>
        Promise.resolve(asked.push(['remove', object.metadata?.name, options])),
    },
  } as unknown as Kubectl
  const repairs = createWrites({ planning: false, guard: () => Promise.resolve(void (gates += 1)) })
  const breaking = createBreaking({ kubectl, kube: {} as never, repairs })
  const writing = await breaking.startWriting('a', 'drill')
  await writing.write(0.9)
  await writing.write(0.9)
  await writing.end()
  const options = { once: true, timeoutSeconds: 0.9 }
  assert.deepEqual(asked, [
    ['apply', 'drill'],
    ['replace', options],
    ['replace', options],
    ['remove', 'drill', { runDespiteInterrupt: true }],
  ])
  assert.equal(gates, 1)
})
