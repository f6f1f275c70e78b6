import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { lookAt, recordSums } from '../../../lib/hosts/known-sums.mts'

// The shell is real. sha256sum is a stand-in that writes down that it was started.

const root = mkdtempSync(join(tmpdir(), 'keybuzz-sums-'))
after(() => rmSync(root, { recursive: true }))
let folder: string
let [file, record, count] = ['', '', '']
beforeEach(() => {
  folder = mkdtempSync(join(root, 'host-'))
  ;[file, record, count] = [join(folder, 'k3s'), join(folder, 'sums'), join(folder, 'count')]
  writeFileSync(count, '')
  writeFileSync(file, 'one')
  hashBy('')
})

/** Writes the stand-in. @param before shell text it begins with */
const hashBy = (before: string): void =>
  writeFileSync(
    join(folder, 'sha256sum'),
    `#!/bin/sh\nprintf . >>'${count}'\n${before}\nexec /usr/bin/sha256sum "$@"\n`,
    { mode: 0o755 },
  )

const shell = (script: string, ...words: string[]): string =>
  execFileSync('sh', ['-ec', script, 'sh', ...words], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${folder}:${process.env['PATH']}` },
  })
const sumOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** What a look finds of the file, and how many files it had to read for that. */
function look(): [sum: string | undefined, read: number] {
  writeFileSync(count, '')
  const [sum] = shell(lookAt([file], record)).split(' ')
  return [sum, readFileSync(count, 'utf8').length]
}
const note = (): string => shell(recordSums(record), file, join(folder, 'absent'))

test('a file is read until its checksum is recorded, and not again while it stays as it is', () => {
  assert.deepEqual(look(), [sumOf('one'), 1])
  note()
  assert.deepEqual(look(), [sumOf('one'), 0])
  assert.equal(statSync(record).mode & 0o777, 0o600)
  const both = shell(lookAt([join(folder, 'absent'), file], record)).split('\n')
  assert.deepEqual([both[0], both[1]?.split(' ')[0]], ['none', sumOf('one')])
})

test('a file of the same size with its old time set back is read again, and so is another in its place', () => {
  note()
  const { atime, mtime } = statSync(file)
  writeFileSync(file, 'two')
  utimesSync(file, atime, mtime)
  assert.deepEqual(look(), [sumOf('two'), 1])
  note()
  writeFileSync(join(folder, 'other'), 'six')
  renameSync(join(folder, 'other'), file)
  assert.deepEqual(look(), [sumOf('six'), 1])
})

test('a record that somebody else may have written is not believed', () => {
  note()
  writeFileSync(record, readFileSync(record, 'utf8').replace(/^\w+/, sumOf('planted')))
  assert.deepEqual(look(), [sumOf('planted'), 0])
  chmodSync(record, 0o644)
  assert.deepEqual(look(), [sumOf('one'), 1])
  chmodSync(record, 0o600)
  renameSync(record, join(folder, 'elsewhere'))
  symlinkSync(join(folder, 'elsewhere'), record)
  assert.deepEqual(look(), [sumOf('one'), 1])
})

test('a file that changes while it is read is not recorded', () => {
  hashBy(`touch '${file}'`)
  note()
  hashBy('')
  assert.deepEqual(look(), [sumOf('one'), 1])
})

test('a record that cannot be written ends nothing', () => {
  const nowhere = join(folder, 'no-folder/sums')
  assert.equal(shell(`${recordSums(nowhere)}echo on`, file), 'on\n')
  assert.ok(!existsSync(nowhere))
})
