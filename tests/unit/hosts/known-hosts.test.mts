import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { credentialsFolder } from '../../../lib/base/files.mts'
import {
  fingerprint,
  hostKeyOf,
  hostKeysIn,
  knownHostsLine,
  trustHosts,
  type HostKeys,
} from '../../../lib/hosts/known-hosts.mts'
import { addKnownHosts, readKnownHosts } from '../../../lib/hosts/known-hosts-file.mts'
import { connect } from '../../../lib/hosts/ssh.mts'
import { startSshd, type Sshd } from './sshd.mts'
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
  const knownKeys = (...words: Parameters<typeof hostKeysIn>) => hostKeysIn(...words).known
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

/** A known_hosts file after ssh-keygen has replaced its names by their hashes. */
function hashed(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-hashed-'))
  try {
    const file = join(folder, 'known_hosts')
    writeFileSync(file, text)
    execFileSync('ssh-keygen', ['-H', '-f', file], { stdio: 'ignore' })
    return readFileSync(file, 'utf8')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The blob of a public key, good enough for ssh-keygen. */
const blob = (last: string) => `AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(42)}${last}`

test('known_hosts: names that ssh-keygen has hashed are found, by port too', () => {
  const key = { type: 'ssh-ed25519', blob: blob('A') }
  const other = { type: 'ssh-ed25519', blob: blob('E') }
  const text = hashed(
    `${knownHostsLine(['master-01', '192.0.2.1'], key)}\n${knownHostsLine(['[192.0.2.1]:2222'], other)}\n`,
  )
  assert.doesNotMatch(text, /192/)
  assert.deepEqual(hostKeysIn(text, '192.0.2.1', 22).known, [key])
  assert.deepEqual(hostKeysIn(text, 'master-01', 22).known, [key])
  assert.deepEqual(hostKeysIn(text, '192.0.2.1', 2222).known, [other])
  assert.deepEqual(hostKeysIn(text, '192.0.2.2', 22).known, [])
})

test('known_hosts: patterns and exceptions are read as OpenSSH reads them', () => {
  const key = { type: 'ssh-ed25519', blob: 'AAAA' }
  const text = '192.0.2.?,!192.0.2.9,k8s-*.example.com ssh-ed25519 AAAA a comment\n'
  assert.deepEqual(hostKeysIn(text, '192.0.2.1', 22).known, [key])
  assert.deepEqual(hostKeysIn(text, '192.0.2.9', 22).known, [])
  assert.deepEqual(hostKeysIn(text, '192.0.2.10', 22).known, [])
  assert.deepEqual(hostKeysIn(text, 'K8S-1.example.com', 22).known, [key])
  assert.deepEqual(hostKeysIn(text, 'k8s-1xexample.com', 22).known, [])
})

test('known_hosts: a revoked key is never a known one; an authority is told apart from a key', () => {
  const [good, bad] = ['AAAA', 'BBBB'].map((one) => ({ type: 'ssh-ed25519', blob: one }))
  const text = [
    '192.0.2.1 ssh-ed25519 AAAA',
    '192.0.2.1 ssh-ed25519 BBBB',
    '@revoked * ssh-ed25519 BBBB',
    '@cert-authority 192.0.2.* ssh-ed25519 CCCC',
    '@unheard-of 192.0.2.1 ssh-ed25519 DDDD',
  ].join('\n')
  assert.deepEqual(hostKeysIn(text, '192.0.2.1', 22), { known: [good], revoked: [bad], byAuthority: true })
  assert.deepEqual(hostKeysIn(text, '198.51.100.1', 22), { known: [], revoked: [bad], byAuthority: false })
})

let sshd: Sshd
before(async () => (sshd = await startSshd((command) => ['sh', '-c', command])))
after(() => sshd.close())

const refused = (keys: Pick<HostKeys, 'known' | 'revoked'>): Promise<KitError> =>
  connect({ ...sshd.login, keys }).then(
    () => assert.fail('it is in'),
    (thrown: unknown) => thrown as KitError,
  )

test('a host that shows a revoked key is connected by nobody, be it known or new: exit 7', async () => {
  const other = { type: 'ssh-ed25519', blob: blob('E') }
  for (const known of [[], [other]]) {
    const error = await refused({ known, revoked: [sshd.key] })
    assert.match(error.message, /shows a host key that is revoked/)
    assert.equal(error.exitCode, exitCodes.trust)
  }
  assert.match((await refused({ known: [other], revoked: [] })).message, /another host key/)
  const unheard = { type: 'sk-ssh-ed25519@openssh.com', blob: 'AAAA' }
  assert.match((await refused({ known: [unheard], revoked: [] })).message, /another host key/)
  ;(await connect(sshd.login)).close()
})

test('what to do about a host nobody knows names its port', async () => {
  const error = (await trustHosts('nowhere', [{ target: sshd.login, key: sshd.key }], {
    canAsk: false,
    confirm: [],
    yes: false,
  }).catch((thrown: unknown) => thrown)) as KitError
  assert.equal(error.exitCode, exitCodes.trust)
  assert.ok(error.hint?.includes(`ssh-keyscan -p ${sshd.login.port} -t ed25519 127.0.0.1;`), error.hint)
  const changed = await refused({ known: [{ type: 'ssh-ed25519', blob: blob('E') }], revoked: [] })
  assert.ok(changed.hint?.includes(`ssh-keygen -R '[127.0.0.1]:${sshd.login.port}'`), changed.hint)
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

test('a host that has no key of the known type any more shows the one it has: exit 7 with both', async () => {
  const rsa = { type: 'ssh-rsa', blob: 'AAAAB3NzaC1yc2EAAAADAQABAAABAQ==' }
  const error = await refused({ known: [rsa], revoked: [] })
  assert.equal(error.exitCode, exitCodes.trust)
  assert.match(error.details.join('\n'), /trusted: ssh-rsa .*\nmet now: ssh-ed25519 /)
})

test('known_hosts as editors and OpenSSH leave it: others may read it, its last line may have no end', () => {
  const env = 'known-hosts-test'
  const folder = credentialsFolder(env)
  const path = join(folder, 'known_hosts')
  const lines = ['192.0.2.1 ssh-ed25519 AAAA', '192.0.2.2 ssh-ed25519 BBBB']
  mkdirSync(folder, { recursive: true })
  try {
    writeFileSync(path, lines[0] ?? '')
    chmodSync(path, 0o644)
    addKnownHosts(env, lines.slice(1))
    assert.equal(readKnownHosts(env), `${lines.join('\n')}\n`)
    chmodSync(path, 0o664)
    assert.throws(
      () => readKnownHosts(env),
      (thrown) =>
        thrown instanceof KitError &&
        thrown.exitCode === exitCodes.usage &&
        !/password/.test(thrown.details.join(' ')),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
