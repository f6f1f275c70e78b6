import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCollector, textOf } from '../../../lib/base/collect.mts'

test('a character cut across two pieces is whole; what is over the limit is dropped and told', () => {
  const collector = createCollector(6)
  const bytes = Buffer.from('é€é')
  assert.equal(collector.add(bytes.subarray(0, 3)), true)
  assert.equal(collector.add(bytes.subarray(3, 6)), true)
  assert.equal(collector.add(bytes.subarray(6)), false)
  assert.equal(collector.text(), 'é€\uFFFD')
})

test('a body without an end is given up at its limit', async () => {
  async function* endless() {
    for (;;) yield await Promise.resolve(Buffer.alloc(1000))
  }
  await assert.rejects(textOf(endless(), 1024 * 1024), /more than 1 MiB/)
  assert.equal(await textOf(null, 10), '')
})
