import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { credentialsFolder } from '../../../lib/base/files.mts'
import { recordTrusted, trustedFiles } from '../../../lib/settings/trusted-files.mts'

const env = `trusted-${process.pid}`
const path = join(credentialsFolder(env), 'trusted-files.json')
const one = { file: 'artifacts/k3s', sha256: '0a'.repeat(32) }
beforeEach(() => rmSync(credentialsFolder(env), { recursive: true, force: true }))
after(() => rmSync(credentialsFolder(env), { recursive: true, force: true }))

test('which checksum was trusted, and how it was known, is kept in the environment, for its owner alone', () => {
  recordTrusted(env, [{ ...one, known: 'release checksum file fetched from github.com' }])
  assert.deepEqual(trustedFiles(env), [{ ...one, known: 'release checksum file fetched from github.com' }])
  assert.equal(statSync(path).mode & 0o777, 0o600)
})

test('a later run keeps how the same checksum was known; another checksum is a new one', () => {
  recordTrusted(env, [{ ...one, known: 'release checksum file fetched from github.com' }])
  const before = statSync(path).ino
  recordTrusted(env, [{ ...one, known: undefined }])
  assert.equal(trustedFiles(env)[0]?.known, 'release checksum file fetched from github.com')
  assert.equal(statSync(path).ino, before, 'what is the same is not written again')
  recordTrusted(env, [{ ...one, sha256: '1b'.repeat(32), known: undefined }])
  assert.equal(trustedFiles(env)[0]?.known, 'checksum file beside it')
})

test('a record that is none is made anew', () => {
  mkdirSync(credentialsFolder(env), { recursive: true })
  for (const text of ['', 'no JSON', '{}', 'null', '[null, 1, {"file": 1}]', '[[]]']) {
    writeFileSync(path, text)
    assert.deepEqual(trustedFiles(env), [])
    recordTrusted(env, [{ ...one, known: undefined }])
    assert.match(readFileSync(path, 'utf8'), /"known": "checksum file beside it"/)
  }
})
