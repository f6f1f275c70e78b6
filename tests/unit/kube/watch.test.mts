import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { test } from 'node:test'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import { watchKind, type Watched } from '../../../lib/kube/watch.mts'
import { added, fakeApi, watchOf } from './fake-api.mts'
import { serveApi, status } from './served-api.mts'

const object = (name: string) => ({ kind: 'Pod', metadata: { name } })

/** What one watch does: what it lists, the texts it begins with, and whether it goes on after them. */
interface Part {
  readonly listed?: readonly { kind: string; metadata: { name: string } }[]
  readonly texts?: readonly string[]
  readonly ends?: boolean
}

/** Watches a stand-in whose first watch is the first part and so on, the last one for ever; undefined is refused. */
function watching(parts: readonly (Part | undefined)[]) {
  let begun = 0
  const from: (string | undefined)[] = []
  const api = fakeApi(() => [], {
    watch(_kind, _namespace, signal, version) {
      from.push(version)
      const part = parts[Math.min(begun, parts.length - 1)]
      begun += 1
      if (part === undefined) return Promise.reject(new Error('away'))
      const { events } = watchOf(signal, ...(part.texts ?? []))
      if (part.ends === true) (events as unknown as { end(): void }).end()
      return Promise.resolve({ objects: (part.listed ?? []) as never, version: '1', events })
    },
  })
  let wake = () => {}
  const watched = watchKind({ api } as unknown as Kubectl, 'pods', 'a', () => wake())
  const until = async (holds: (watched: Watched) => boolean) => {
    while (!holds(watched)) await new Promise<void>((resolve) => (wake = resolve))
  }
  return { watched, until, begun: () => begun, from }
}

test('objects come, change and go', async () => {
  const gone = `${JSON.stringify({ type: 'DELETED', object: object('one') })}\n`
  const { watched, until } = watching([{ texts: [added(object('one')), added(object('two')), gone] }])
  await until(({ deleted }) => deleted.has('one'))
  await watched.stop()
  assert.deepEqual([...watched.objects.keys()], ['two'])
})

test('what is listed is there, with its later changes', async () => {
  const gone = `${JSON.stringify({ type: 'DELETED', object: object('one') })}\n`
  const { watched, until } = watching([{ listed: [object('one'), object('two')], texts: [gone] }])
  await until(({ deleted }) => deleted.has('one'))
  await watched.stop()
  assert.deepEqual([...watched.objects.keys()], ['two'])
})

test('a watch that cannot be begun again deletes nothing', async () => {
  const { watched, begun } = watching([{ listed: [object('one')], ends: true }, undefined])
  while (begun() < 2) await setTimeout(20)
  assert.deepEqual([...watched.objects.keys()], ['one'])
  await watched.stop()
})

test('a watch that the server ends goes on from its version', async () => {
  const { watched, begun, from } = watching([{ listed: [object('one')], ends: true }, {}])
  while (begun() < 2) await setTimeout(20)
  await watched.stop()
  assert.deepEqual(from, [undefined, '1'])
})

test('when it is begun again, what the new list is missing is gone, and what it holds is there', async () => {
  const { watched, until } = watching([{ listed: [object('one')], ends: true }, { listed: [object('two')] }])
  await until(({ objects }) => objects.has('two'))
  assert.deepEqual([...watched.objects.keys()], ['two'])
  await watched.stop()
})

test('a list that does not come does not hold its end up', async () => {
  const api = fakeApi(() => [], { watch: () => new Promise(() => {}) })
  const watched = watchKind({ api } as unknown as Kubectl, 'pods', 'a', () => {})
  await watched.stop()
})

for (const [what, text] of [
  ['a line that is no JSON', '{oops}\n'],
  [
    'a version the server has forgotten (410)',
    `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', metadata: {}, code: 410, message: 'too old' } })}\n`,
  ],
])
  test(`${what} ends that watch alone: it is begun again with a list, and nothing known is lost`, async () => {
    const { watched, until, begun, from } = watching([
      { texts: [added(object('one')), text ?? ''] },
      undefined,
      { listed: [object('one')], texts: [added(object('two'))] },
    ])
    await until(({ objects }) => objects.has('one'))
    while (begun() < 2) await setTimeout(20)
    assert.deepEqual([...watched.objects.keys()], ['one'])
    await until(({ objects }) => objects.has('two'))
    await watched.stop()
    assert.deepEqual([...watched.objects.keys()], ['one', 'two'])
    assert.equal(begun(), 3)
    assert.deepEqual(from, [undefined, undefined, undefined])
  })

test('a watch that is refused is begun again; none outlives its end', async () => {
  let asked = 0
  const refusing = fakeApi(() => [], { watch: () => Promise.reject(new Error(`no ${(asked += 1)}`)) })
  const watched = watchKind({ api: refusing } as unknown as Kubectl, 'pods', 'a', () => {})
  while (asked < 2) await setTimeout(20)
  await watched.stop()
  await setTimeout(1200)
  assert.equal(asked, 2)
})

test('over HTTP: a watch that is cut goes on from the version it has seen, without a list; a forgotten version lists anew', async () => {
  const pods = '/api/v1/namespaces/a/pods'
  let lists = 0
  let forgotten = ''
  const served = await serveApi((path) => {
    if (path === pods) {
      lists += 1
      const items = [{ metadata: { name: `of-${lists}` } }]
      return { body: { kind: 'PodList', metadata: { resourceVersion: `${lists}0` }, items } }
    }
    const version = new URLSearchParams(path.split('?')[1]).get('resourceVersion') ?? ''
    if (version === forgotten) return status(410, 'Expired', 'too old resource version')
    const metadata = { name: `new-${version}`, resourceVersion: String(Number(version) + 1) }
    return path.startsWith(`${pods}?watch=true`)
      ? { body: added({ kind: 'Pod', metadata }), stays: true }
      : undefined
  })
  let wake = () => {}
  const watched = watchKind(served.kubectl, 'pods', 'a', () => wake())
  const until = async (name: string) => {
    while (!watched.objects.has(name)) await new Promise<void>((resolve) => (wake = resolve))
  }
  await until('new-10')
  assert.deepEqual([...watched.objects.keys()], ['of-1', 'new-10'])
  served.cut()
  await until('new-11')
  assert.deepEqual([...watched.objects.keys()], ['of-1', 'new-10', 'new-11'])
  assert.equal(lists, 1)
  forgotten = '12'
  served.cut()
  await until('new-20')
  assert.deepEqual([...watched.objects.keys()], ['of-2', 'new-20'])
  const open = served.open()
  await watched.stop()
  while (served.open() >= open) await setTimeout(10)
})

test('a list without a version is refused: a watch from nowhere could begin with older objects', async () => {
  const served = await serveApi(() => ({ body: { kind: 'PodList', metadata: {}, items: [] } }))
  await assert.rejects(served.kubectl.api.watch('pods', 'a', new AbortController().signal), { exitCode: 3 })
})
