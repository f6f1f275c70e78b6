import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { lookAtDump } from '../../../lib/backends/dump-file.mts'

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-dump-file-'))
after(() => rmSync(folder, { recursive: true }))

const file = (name: string, content: string | Buffer): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

test('a dump in pg_dump’s custom format: its size and when it was made', async () => {
  const path = file('right.dump', Buffer.from([...Buffer.from('PGDMP'), 1, 14, 0, 4, 8, 1]))
  const madeAt = new Date('2026-11-23T10:15:00Z')
  utimesSync(path, madeAt, madeAt)
  assert.deepEqual(await lookAtDump(path), { madeAt, bytes: 11 })
})

test('what is no dump is told apart', async () => {
  mkdirSync(join(folder, 'folder.dump'))
  assert.equal(await lookAtDump(join(folder, 'absent.dump')), 'is not there')
  assert.equal(await lookAtDump(join(folder, 'folder.dump')), 'is no file')
  assert.equal(await lookAtDump(file('empty.dump', '')), 'is empty: pg_dump failed')
  for (const text of ['-- PostgreSQL database dump', 'PG', '\u0000\u0000PGDMP'])
    assert.equal(await lookAtDump(file('other.dump', text)), 'is no dump in pg_dump’s custom format')
  assert.match(
    JSON.stringify(await lookAtDump(join(folder, 'other.dump', 'below'))),
    /^"cannot be read: ENOTDIR/,
  )
})
