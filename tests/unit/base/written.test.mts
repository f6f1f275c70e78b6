import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { writePrivate } from '../../../lib/base/files.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import { written, writtenClause } from '../../../lib/base/written.mts'
import { linesWith, readGraph } from '../imports.mts'

const root = join(import.meta.dirname, '../../..')

/** Sentences that claim, without having looked, that nothing was done or that something still works. */
const claims =
  /\b(nothing|none|no [a-z]+) (else )?(was|were|has been|is) (written|changed|deleted|removed|applied|touched|stopped|restarted)\b|\b(was|were|has been) not (written|changed|deleted|removed|applied|touched|restarted)\b|\b(keeps?|still) serv(e|es|ing)\b/i

test('that nothing was written, or that pods still serve, is said by the counted sentence alone', () => {
  const files = readGraph(root, ['lib', 'scripts']).files.filter((file) => file !== 'lib/base/written.mts')
  assert.deepEqual(linesWith(root, files, claims), [])
})

test('the search finds such sentences', () => {
  for (const text of [
    "details: ['Nothing was written.'],",
    'nothing was removed',
    'No server was changed.',
    'The database was not touched.',
    'The previous pods keep serving',
    'No service was touched.',
  ])
    assert.match(text, claims)
})

test('what a run has begun to write is counted by its gate: a write that failed too, a planned one not', async () => {
  assert.equal(written(), 'Nothing was written.')
  assert.equal(writtenClause(), 'nothing was written')
  const guard = () => Promise.resolve()
  const change = (what: string) => [{ sign: '+', what } as const]
  await createWrites({ planning: true, guard }).make(change('ConfigMap a/planned'), guard)
  await assert.rejects(
    createWrites({ planning: false, guard: () => Promise.reject(new Error('locked')) }).make(
      change('ConfigMap a/refused'),
      guard,
    ),
  )
  assert.equal(written(), 'Nothing was written.')
  const writes = createWrites({ planning: false, guard })
  await assert.rejects(writes.make(change('ConfigMap a/one'), () => Promise.reject(new Error('cut'))))
  for (const name of ['two', 'three', 'four', 'four', 'five'])
    await writes.make(change(`ConfigMap a/${name}`), guard)
  assert.equal(
    written(),
    'This run had begun to write: ConfigMap a/one, ConfigMap a/two, ConfigMap a/three and 2 more.',
  )
})

test('a settings file that was written counts too', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-written-'))
  try {
    writePrivate(join(folder, '20_shop.env'), '')
    assert.match(written(), / and 3 more\.$/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
