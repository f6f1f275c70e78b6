import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { test } from 'node:test'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import { watchKind, type Watched } from '../../../lib/kube/watch.mts'
import { added, fakeApi, watchBody } from './fake-api.mts'
import { serveApi } from './served-api.mts'

const object = (name: string) => ({ kind: 'Pod', metadata: { name } })

/** What one watch does: the texts it begins with, and whether it goes on after them. */
interface Part {
  readonly texts: readonly string[]
  readonly ends?: boolean
}

/** Watches a stand-in whose first watch is the first part and so on, the last one for ever. */
function watching(parts: readonly Part[], list: () => unknown = () => []) {
  let begun = 0
  const api = fakeApi(list, {
    watch(_kind, _namespace, signal) {
      const { texts, ends = false } = parts[Math.min(begun, parts.length - 1)] ?? { texts: [] }
      begun += 1
      const body = watchBody(signal, ...texts)
      if (ends) (body as unknown as { end(): void }).end()
      return Promise.resolve(body)
    },
  })
  let wake = () => {}
  const watched = watchKind({ api } as unknown as Kubectl, 'pods', 'a', () => wake(), 50)
  const until = async (holds: (watched: Watched) => boolean) => {
    while (!holds(watched)) await new Promise<void>((resolve) => (wake = resolve))
  }
  return { watched, until, begun: () => begun }
}

test('objects come, change and go', async () => {
  const gone = `${JSON.stringify({ type: 'DELETED', object: object('one') })}\n`
  const { watched, until } = watching([{ texts: [added(object('one')), added(object('two')), gone] }])
  await until(({ deleted }) => deleted.has('one'))
  await watched.stop()
  assert.deepEqual([...watched.objects.keys()], ['two'])
})

test('a watch that is begun again and silent deletes nothing while the API server does not answer', async () => {
  let asked = 0
  const { watched } = watching([{ texts: [added(object('one'))], ends: true }, { texts: [] }], () =>
    Promise.reject(new Error(`away ${(asked += 1)}`)),
  )
  while (asked < 3) await setTimeout(20)
  assert.deepEqual([...watched.objects.keys()], ['one'])
  await watched.stop()
})

test('what an answered list missing is gone, what it holds is there', async () => {
  const { watched } = watching([{ texts: [added(object('one'))], ends: true }, { texts: [] }], () => [
    object('two'),
  ])
  while (!watched.objects.has('two')) await setTimeout(20)
  assert.deepEqual([...watched.objects.keys()], ['two'])
  await watched.stop()
})

for (const [what, text] of [
  ['a line that is no JSON', '{oops}\n'],
  [
    'a version the server has forgotten (410)',
    `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', metadata: {}, code: 410, message: 'too old' } })}\n`,
  ],
])
  test(`${what} ends that watch alone: it is begun again, and nothing known is lost`, async () => {
    const { watched, until, begun } = watching([
      { texts: [added(object('one')), text ?? ''] },
      { texts: [added(object('two'))] },
    ])
    await until(({ objects }) => objects.has('two'))
    await watched.stop()
    assert.deepEqual([...watched.objects.keys()], ['two'])
    assert.equal(begun(), 2)
  })

test('a watch that is refused is begun again; none outlives its end', async () => {
  let asked = 0
  const refusing = fakeApi(() => [], { watch: () => Promise.reject(new Error(`no ${(asked += 1)}`)) })
  const watched = watchKind({ api: refusing } as unknown as Kubectl, 'pods', 'a', () => {}, 50)
  while (asked < 2) await setTimeout(20)
  await watched.stop()
  await setTimeout(1200)
  assert.equal(asked, 2)
})

test('over HTTP: the kind’s own path, events in pieces, a connection that is cut, and an end that closes it', async () => {
  const served = await serveApi((path) =>
    path.startsWith('/api/v1/namespaces/a/pods?watch=true')
      ? { body: added(object(`of-${served.asked.length}`)), stays: true }
      : undefined,
  )
  let wake = () => {}
  const watched = watchKind(served.kubectl, 'pods', 'a', () => wake(), 60_000)
  const until = async (name: string) => {
    while (!watched.objects.has(name)) await new Promise<void>((resolve) => (wake = resolve))
  }
  await until('of-1')
  served.cut()
  await until('of-2')
  assert.deepEqual([...watched.objects.keys()], ['of-2'])
  assert.equal(served.open(), 1)
  await watched.stop()
  while (served.open() > 0) await setTimeout(10)
})
