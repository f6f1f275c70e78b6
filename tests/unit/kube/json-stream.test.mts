import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonDocuments } from '../../../lib/kube/watch.mts'

const documents = [
  { type: 'ADDED', object: { metadata: { name: 'a', note: 'braces } ] and "quotes" \\ inside' } } },
  { type: 'MODIFIED', object: { list: [1, [2, { deep: '}' }]], unicode: 'é🔑' } },
]
const text = documents.map((one) => JSON.stringify(one, null, 4)).join('\n')

test('documents come out whole wherever the text is cut', () => {
  for (const size of [1, 2, 3, 7, 50, text.length]) {
    const seen: unknown[] = []
    const feed = jsonDocuments((document) => seen.push(document))
    for (let at = 0; at < text.length; at += size) feed(text.slice(at, at + size))
    assert.deepEqual(seen, documents, `pieces of ${size}`)
  }
})
