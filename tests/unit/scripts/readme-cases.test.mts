import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { folderOf } from '../../../lib/base/names.mts'
import { root } from '../../../lib/base/files.mts'
import { modules } from '../../../scripts/modules.mjs'

// What an operator reads when something fails: the cases each application is known for are in the README of its module.

const readmeOf = (folder: string): string => readFileSync(join(root, 'scripts', folder, 'README.md'), 'utf8')

/** The tables below a heading, up to the next one of its level: rows of cells, without the first two of each table. */
function tableBelow(folder: string, heading: string): string[][] {
  const [, below] = readmeOf(folder).split(`\n${heading}\n`)
  assert.ok(below !== undefined, `${folder}: ${heading}`)
  const [level = ''] = heading.split(' ')
  const tables = (below.split(`\n${level} `)[0] ?? '').split(/\n(?!\|)/)
  const rows = tables.flatMap((table) =>
    table
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .slice(2),
  )
  return rows.map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  )
}

/** Per table: the words of a message, or of what is seen, each in the first cell of exactly one row. */
const cases: readonly (readonly [folder: string, heading: string, words: readonly string[]])[] = [
  [
    '13_superset',
    "### Superset's own",
    [
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
    ],
  ],
  [
    '14_vault',
    '## Problems',
    [
      'a pod starts without its secrets',
      'certificate signed by unknown authority',
      'tls: bad certificate',
      'failed to find any PEM data',
      'failed to find service account volume mount',
      'a Job never ends',
      '`Init:0/1` for ever',
      'map has no entry for key',
      'no secret exists at',
      '`Permission denied` on a file',
      'does not reach the file',
      'dynamic database password',
      'context deadline exceeded',
      'no endpoints available',
      'ends with a newline',
    ],
  ],
  [
    '14_vault',
    '## A login that is refused',
    [
      'invalid role name',
      'namespace not authorized',
      '403 `invalid audience',
      '(nbf) claim: token not yet valid',
      'the reviewer may ask',
      '401 or 403 of the reviewer',
      'Vault is sealed',
    ],
  ],
  [
    '15_llm',
    '## Problems',
    [
      'limits are counted per pod',
      'valid keys 401 for ever',
      'P3018',
      'P3005',
      'Job migrate: `42501 permission denied`',
      'that migration counts as applied',
      'timeouts of 60 s',
      '`NotConnectedError` under load',
      '`NotConnectedError` that does not end',
      'serving pods migrate too',
      'no query engine',
      'Read-only file system',
      'Error decrypting value',
      'a stream arrives at once at the end',
      'is not a dictionary',
      'chown ... Operation not permitted',
      "Can't create Snapshots directory",
      './snapshots/tmp',
    ],
  ],
]

for (const [folder, heading, all] of cases)
  test(`${folder}, ${heading}: each known case has its row`, () => {
    const rows = tableBelow(folder, heading)
    for (const words of all) {
      const found = rows.filter(([seen = '']) => seen.includes(words))
      assert.equal(found.length, 1, words)
    }
  })

test('every module has its problems: what is seen, why, and what to do, no cell without words', () => {
  for (const folder of modules.map(folderOf)) {
    const rows = tableBelow(folder, '## Problems')
    assert.ok(rows.length >= 10, folder)
    for (const row of rows) {
      assert.ok([3, 4].includes(row.length), `${folder}: ${row.join(' | ')}`)
      assert.ok(!row.includes(''), `${folder}: ${row.join(' | ')}`)
    }
  }
})

test('each case of Superset’s own: what to type, and a source', () => {
  for (const row of tableBelow('13_superset', "### Superset's own")) {
    assert.equal(row.length, 4, row.join(' | '))
    const [seen = '', , typed = '', source = ''] = row
    assert.match(typed, /`[^`]+`|^nothing: /, seen)
    assert.match(source, /\d{4,5}|\bran\b|6\.1\.0/, seen)
  }
})

test('odd facts have a source', () => {
  const rows = tableBelow('13_superset', '## Where odd facts come from')
  assert.ok(rows.length >= 10)
  for (const [fact = '', source = ''] of rows) assert.ok(source !== '', fact)
})
