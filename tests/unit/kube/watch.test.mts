import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { test } from 'node:test'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import { watchKind } from '../../../lib/kube/watch.mts'
import { fakeApi } from './fake-api.mts'

const object = (name: string) => ({ kind: 'Pod', metadata: { name } })

/** Watches what a stand-in of kubectl writes, until `until` holds. */
async function watching(documents: object[], until: (watched: ReturnType<typeof watchKind>) => boolean) {
  const folder = mkdtempSync(join(tmpdir(), 'watch-'))
  try {
    writeFileSync(join(folder, 'events'), documents.map((one) => JSON.stringify(one)).join('\n'))
    const kubectl = {
      words: ['sh', '-c', `cat ${folder}/events; exec sleep 10`, 'kubectl'],
    } as unknown as Kubectl
    let wake = () => {}
    const watched = watchKind(kubectl, 'pods', 'a', () => wake())
    while (!until(watched)) await new Promise<void>((resolve) => (wake = resolve))
    await watched.stop()
    return watched
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('objects come, change and go', async () => {
  const watched = await watching(
    [
      { type: 'ADDED', object: object('one') },
      { type: 'ADDED', object: object('two') },
      { type: 'DELETED', object: object('one') },
    ],
    ({ deleted }) => deleted.has('one'),
  )
  assert.deepEqual([...watched.objects.keys()], ['two'])
})

/** A watch that shows `one` and ends; begun again it says nothing. `list` is what the API server answers meanwhile. */
async function begunAgain(list: () => unknown) {
  const folder = mkdtempSync(join(tmpdir(), 'watch-'))
  writeFileSync(join(folder, 'events'), JSON.stringify({ type: 'ADDED', object: object('one') }))
  const script = `cat ${folder}/events 2>/dev/null && rm ${folder}/events && exit 0; exec sleep 10`
  const kubectl = { words: ['sh', '-c', script, 'kubectl'], api: fakeApi(list) } as unknown as Kubectl
  const watched = watchKind(kubectl, 'pods', 'a', () => {}, 50)
  const end = async () => {
    await watched.stop()
    rmSync(folder, { recursive: true })
  }
  return { watched, end }
}

test('a watch that is begun again and silent deletes nothing while the API server does not answer', async () => {
  let asked = 0
  const { watched, end } = await begunAgain(() => Promise.reject(new Error(`away ${(asked += 1)}`)))
  while (asked < 3) await setTimeout(20)
  assert.deepEqual([...watched.objects.keys()], ['one'])
  await end()
})

test('what an answered list missing is gone, what it holds is there', async () => {
  const { watched, end } = await begunAgain(() => [object('two')])
  while (!watched.objects.has('two')) await setTimeout(20)
  assert.deepEqual([...watched.objects.keys()], ['two'])
  await end()
})

test('more than 500 objects come as Lists: every object in them counts', async () => {
  const list = (from: number) => ({
    type: 'ADDED',
    object: { kind: 'PodList', items: Array.from({ length: 500 }, (_, at) => object(`pod-${from + at}`)) },
  })
  const watched = await watching([list(0), list(500)], ({ objects }) => objects.size === 1000)
  assert.ok(watched.objects.has('pod-999'))
})

test('a watch line that is no JSON ends that watch alone: it is begun again, and nothing known is lost', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'watch-'))
  try {
    writeFileSync(join(folder, 'events'), JSON.stringify({ type: 'ADDED', object: object('one') }))
    const second = JSON.stringify({ type: 'ADDED', object: object('two') })
    const script = `cat ${folder}/events 2>/dev/null && rm ${folder}/events && echo '{oops}' && exec sleep 10; echo '${second}'; exec sleep 10`
    const kubectl = { words: ['sh', '-c', script, 'kubectl'] } as unknown as Kubectl
    let wake = () => {}
    const watched = watchKind(kubectl, 'pods', 'a', () => wake())
    while (!watched.objects.has('two')) await new Promise<void>((resolve) => (wake = resolve))
    await watched.stop()
    assert.deepEqual([...watched.objects.keys()], ['two'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
