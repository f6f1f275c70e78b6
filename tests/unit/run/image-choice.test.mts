import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createImageChoice } from '../../../lib/run/image-choice.mts'

test('the image a step found on the nodes is the one of the run from then on; the others stay', () => {
  let reads = 0
  const { chosen, useImage } = createImageChoice(
    {
      module: { images: ['probe', 'web'], imagesOfNodes: ['probe'] },
      inputs: { current: () => ({}) },
      versions: { probe: { version: '2', image: 'old/probe:2' }, web: { version: '2', image: 'web:2' } },
      upgrade: true,
    } as never,
    () => ((reads += 1), { probe: 'old/probe:1', web: 'web:1' }),
  )
  assert.deepEqual(chosen().images, { probe: 'old/probe:1', web: 'web:2' })
  useImage('probe', 'new/probe:2')
  assert.deepEqual(chosen(), {
    images: { probe: 'new/probe:2', web: 'web:2' },
    newer: [{ name: 'web', from: 'web:1', to: 'web:2' }],
  })
  assert.equal(reads, 1)
})
