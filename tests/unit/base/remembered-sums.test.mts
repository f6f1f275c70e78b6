import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { rememberedSha256Of } from '../../../lib/base/remembered-sums.mts'

// The sums of files that are not read again, against the real file system.

const sumOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const settled = 2100

let folder = ''
let file = ''
let record = ''

beforeEach((context) => {
  folder = mkdtempSync(join(tmpdir(), 'keybuzz-sums-'))
  ;(context as TestContext).after(() => rmSync(folder, { recursive: true, force: true }))
  ;[file, record] = [join(folder, 'k3s'), join(folder, 'sums.json')]
  writeFileSync(file, 'first')
})

/** Writes into the record that this file, as it is now, has that sum. */
async function recordAs(sha256: string): Promise<void> {
  await sleep(settled)
  assert.equal(await rememberedSha256Of(file, record), sumOf('first'))
  writeFileSync(record, readFileSync(record, 'utf8').replace(sumOf('first'), sha256))
}

test('a file that is the same one is not read again', async () => {
  await recordAs('recorded')
  assert.equal(await rememberedSha256Of(file, record), 'recorded')
  assert.equal(statSync(record).mode & 0o777, 0o600)
})

test('one that was changed is read, also with its size and its time as before', async () => {
  await recordAs('recorded')
  const { atime, mtime } = statSync(file)
  writeFileSync(file, 'other')
  utimesSync(file, atime, mtime)
  assert.equal(await rememberedSha256Of(file, record), sumOf('other'))
})

test('one that was changed just now is not recorded: it may change once more within the same time', async () => {
  assert.equal(await rememberedSha256Of(file, record), sumOf('first'))
  assert.equal(existsSync(record), false)
})

test('a record that others may write, a link, and what is no record are not believed', async () => {
  await recordAs('recorded')
  chmodSync(record, 0o620)
  assert.equal(await rememberedSha256Of(file, record), sumOf('first'))
  const link = join(folder, 'link.json')
  writeFileSync(record, readFileSync(record, 'utf8').replace(sumOf('first'), 'recorded'))
  symlinkSync(record, link)
  assert.equal(await rememberedSha256Of(file, link), sumOf('first'))
  for (const text of ['', '{', 'null', '[1]', '{"a": null}', `{${JSON.stringify(file)}: {"is": 1}}`]) {
    writeFileSync(record, text)
    assert.equal(await rememberedSha256Of(file, record), sumOf('first'))
  }
})

test('a record in a folder that others may write to, or of another user, is not believed', async (context) => {
  await recordAs('recorded')
  chmodSync(folder, 0o777)
  assert.equal(await rememberedSha256Of(file, record), sumOf('first'))
  chmodSync(folder, 0o700)
  if (process.getuid?.() !== 0) return context.skip('only root can give a file away')
  writeFileSync(record, readFileSync(record, 'utf8').replace(sumOf('first'), 'recorded'))
  chownSync(record, 1, 1)
  assert.equal(await rememberedSha256Of(file, record), sumOf('first'))
})

test('what a killed run left of the record hinders no later one; its folder is made', async () => {
  const deeper = join(folder, 'of-the-kit', 'sums.json')
  await sleep(settled)
  await rememberedSha256Of(file, deeper)
  writeFileSync(deeper, 'damaged')
  writeFileSync(`${deeper}.${process.pid}`, 'half')
  await rememberedSha256Of(file, deeper)
  assert.match(readFileSync(deeper, 'utf8'), new RegExp(sumOf('first')))
  assert.equal(statSync(join(folder, 'of-the-kit')).mode & 0o777, 0o700)
})

test('without a place for the record every look reads the file; a file that is not there is the error', async () => {
  await sleep(settled)
  assert.equal(await rememberedSha256Of(file, join(file, 'sums.json')), sumOf('first'))
  await assert.rejects(rememberedSha256Of(join(folder, 'none'), record), { code: 'ENOENT' })
})
