import assert from 'node:assert/strict'
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { exitCodes } from '../../../lib/base/errors.mts'
import { readIfThere, writePrivate } from '../../../lib/base/files.mts'

const folder = mkdtempSync(join(tmpdir(), 'files-'))
after(() => rmSync(folder, { recursive: true }))
const at = (name: string): string => join(folder, name)

test('a file of another encoding is refused by its name, and not read as something else', () => {
  const files: [Buffer, RegExp][] = [
    [Buffer.from("PASSWORD='caf\xe9'\n", 'latin1'), /WINDOWS-1252/],
    [Buffer.from('\ufeffA=1', 'utf16le'), /UTF-16/],
    [Buffer.from([0x41, 0xc3]), /WINDOWS-1252/],
  ]
  for (const [bytes, encoding] of files) {
    writeFileSync(at('settings'), bytes)
    assert.throws(() => readIfThere(at('settings')), { exitCode: exitCodes.usage, message: encoding })
    assert.deepEqual(readFileSync(at('settings')), bytes)
  }
  writeFileSync(at('settings'), "\ufeffPASSWORD='café €'\n")
  assert.equal(readIfThere(at('settings')), "\ufeffPASSWORD='café €'\n")
  assert.equal(readIfThere(at('absent')), undefined)
})

test('a link stays a link: the file it leads to is written, private', () => {
  writeFileSync(at('real'), 'before')
  symlinkSync(at('real'), at('link'))
  writePrivate(at('link'), 'now')
  assert.ok(lstatSync(at('link')).isSymbolicLink())
  assert.equal(readFileSync(at('real'), 'utf8'), 'now')
  assert.equal(statSync(at('real')).mode & 0o777, 0o600)
})

test('what killed writes left is removed by the next one; a file another run writes just now is not', () => {
  const [old, fresh] = [at('.kept.env.tmp-0123'), at('.kept.env.tmp-4567')]
  for (const path of [old, fresh]) writeFileSync(path, 'PASSWORD')
  const hourAgo = Date.now() / 1000 - 3600
  utimesSync(old, hourAgo, hourAgo)
  writePrivate(at('kept.env'), 'now')
  const left = readdirSync(folder).filter((name) => name.startsWith('.kept'))
  assert.deepEqual(left, ['.kept.env.tmp-4567'])
})

test('a file that cannot be written is exit 12, also when its temporary file cannot be removed', () => {
  writeFileSync(at('plain'), '')
  assert.throws(() => writePrivate(join(at('plain'), 'platform.env'), 'now'), {
    exitCode: exitCodes.localDisk,
    message: /^cannot write .*plain\/platform\.env: E/,
  })
})
