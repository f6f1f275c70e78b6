import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../../../lib/base/files.mts'

const readme = readFileSync(join(root, 'scripts/13_superset/README.md'), 'utf8')

/** The cells of the table below a heading, without its first two rows. */
const tableBelow = (heading: string): string[][] => {
  const [, below = ''] = readme.split(`\n${heading}\n`)
  const rows = (below.split(/\n##/)[0] ?? '').split('\n').filter((line) => line.startsWith('|'))
  return rows.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
}

/** What Superset itself is known for, by words of its message or of what is seen. */
const cases = [
  'psycopg2',
  'every dashboard is gone',
  'whole grace period',
  'Invalid decryption key',
  'All tables processed',
  "Can't locate revision",
  'CSRF session token is missing',
  'redirects to http',
  'No nodes replied',
  'Pidfile',
  'A rediss:// URL',
  'VersionMismatch',
  'invalid int value',
  'is not a valid port number',
]

test('each known case of Superset: what is seen, why, what to type, and a source', () => {
  const rows = tableBelow("### Superset's own")
  for (const words of cases) {
    const found = rows.filter(([seen = '']) => seen.includes(words))
    assert.equal(found.length, 1, words)
  }
  for (const row of rows) {
    assert.equal(row.length, 4, row.join(' | '))
    const [seen = '', why = '', typed = '', source = ''] = row
    assert.ok(seen !== '' && why !== '', row.join(' | '))
    assert.match(typed, /`[^`]+`|^nothing: /, seen)
    assert.match(source, /\d{4,5}|\bran\b|6\.1\.0/, seen)
  }
})

test('odd facts have a source', () => {
  const rows = tableBelow('## Where odd facts come from')
  assert.ok(rows.length >= 10)
  for (const [fact = '', source = ''] of rows) assert.ok(source !== '', fact)
})
