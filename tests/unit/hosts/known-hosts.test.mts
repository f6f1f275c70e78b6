import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fingerprint, hostKeyOf, knownHostsLine, knownKeys } from '../../../lib/hosts/known-hosts.mts'
import { createLimit } from '../../../lib/base/concurrency.mts'

test('a fingerprint is the one ssh-keygen shows, and a key comes back from the bytes a server sends', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-key-'))
  try {
    const file = join(folder, 'key')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file])
    const [type = '', blob = ''] = readFileSync(`${file}.pub`, 'utf8').split(' ')
    const key = hostKeyOf(Buffer.from(blob, 'base64'))
    assert.deepEqual(key, { type, blob })
    const shown = execFileSync('ssh-keygen', ['-lf', `${file}.pub`], { encoding: 'utf8' })
    assert.ok(shown.includes(fingerprint(key)), shown)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('known_hosts: names, addresses and other ports are told apart; comments and broken lines are nobody', () => {
  const key = { type: 'ssh-ed25519', blob: 'AAAA' }
  const text = [
    '# ours',
    knownHostsLine(['master-01', '192.0.2.1'], key),
    knownHostsLine(['[192.0.2.2]:2222'], { ...key, blob: 'BBBB' }),
    '192.0.2.3 ssh-ed25519',
    '',
  ].join('\r\n')
  assert.deepEqual(knownKeys(text, '192.0.2.1', 22), [key])
  assert.deepEqual(knownKeys(text, 'master-01', 22), [key])
  assert.deepEqual(knownKeys(text, '192.0.2.2', 2222), [{ ...key, blob: 'BBBB' }])
  assert.deepEqual(knownKeys(text, '192.0.2.2', 22), [])
  assert.deepEqual(knownKeys(text, '192.0.2.3', 22), [])
})

test('a limit lets in at most so many at once, and goes on after a failure', async () => {
  const limit = createLimit(2)
  let [running, most] = [0, 0]
  const act = (fails: boolean) =>
    limit(async () => {
      most = Math.max(most, (running += 1))
      await new Promise((resolve) => setTimeout(resolve, 5))
      running -= 1
      if (fails) throw new Error('failed')
    })
  const ended = await Promise.allSettled([true, false, true, false, false].map(act))
  assert.equal(most, 2)
  assert.deepEqual(
    ended.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  )
})
