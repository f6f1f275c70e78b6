import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import { watchKind } from '../../../lib/kube/watch.mts'

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

test('more than 500 objects come as Lists: every object in them counts', async () => {
  const list = (from: number) => ({
    type: 'ADDED',
    object: { kind: 'PodList', items: Array.from({ length: 500 }, (_, at) => object(`pod-${from + at}`)) },
  })
  const watched = await watching([list(0), list(500)], ({ objects }) => objects.size === 1000)
  assert.ok(watched.objects.has('pod-999'))
})
