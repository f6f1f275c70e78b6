import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import ssh2 from 'ssh2'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { redact } from '../../../lib/base/sensitive.mts'
import { openPrivateKey, readSshKey } from '../../../lib/hosts/private-key.mts'
import { connect } from '../../../lib/hosts/ssh.mts'
import { startSshd } from './sshd.mts'

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-key-'))
after(() => rmSync(folder, { recursive: true }))

/** The text of a new key of ssh-keygen's, with a passphrase unless it is empty. */
function sshKeygen(name: string, passphrase: string, ...words: string[]): string {
  const path = join(folder, name)
  execFileSync('ssh-keygen', ['-q', ...words, '-N', passphrase, '-f', path])
  return readFileSync(path, 'utf8')
}

/** The text of a new key in PKCS#8, as openssl and consoles of clouds write it. */
function openssl(name: string, passphrase: string, ...words: string[]): string {
  const path = join(folder, name)
  const locked = passphrase === '' ? [] : ['-aes-256-cbc', '-pass', `pass:${passphrase}`]
  execFileSync('openssl', ['genpkey', ...words, ...locked, '-out', path], { stdio: 'ignore' })
  return readFileSync(path, 'utf8')
}

/** The public half of a private key the SSH library has read. */
const publicOf = (text: string): string => {
  const key = ssh2.utils.parseKey(text)
  assert.ok(!(key instanceof Error))
  return key.getPublicSSH().toString('base64')
}

const refused = (text: string, passphrase?: string): Promise<KitError> =>
  openPrivateKey(text, passphrase, 'credentials/staging/key').then(
    () => assert.fail('it is open'),
    (thrown: unknown) => {
      assert.ok(thrown instanceof KitError, String(thrown))
      assert.equal(thrown.exitCode, exitCodes.usage)
      return thrown
    },
  )

const rsa = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']
const ec = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']

for (const [name, make] of [
  ['ed25519', (pass: string) => sshKeygen(`a${pass}`, pass, '-t', 'ed25519')],
  ['ECDSA', (pass: string) => sshKeygen(`b${pass}`, pass, '-t', 'ecdsa')],
  ['RSA in PEM', (pass: string) => sshKeygen(`c${pass}`, pass, '-t', 'rsa', '-b', '2048', '-m', 'PEM')],
  ['ed25519 in PKCS#8', (pass: string) => openssl(`d${pass}`, pass, '-algorithm', 'ed25519')],
  ['RSA in PKCS#8', (pass: string) => openssl(`e${pass}`, pass, ...rsa)],
  ['ECDSA in PKCS#8', (pass: string) => openssl(`f${pass}`, pass, ...ec)],
] as const) {
  test(`a key (${name}) is opened, with a passphrase and without; a missing and a wrong one are told apart`, async () => {
    publicOf(await openPrivateKey(make(''), undefined, 'key'))
    const locked = make('a-passphrase')
    publicOf(await openPrivateKey(locked, 'a-passphrase', 'key'))
    assert.match((await refused(locked)).message, /has a passphrase, and none is known/)
    const wrong = await refused(locked, 'another one')
    assert.match(wrong.message, /SSH_KEY_PASSPHRASE does not open credentials/)
    assert.doesNotMatch(`${wrong.message} ${wrong.hint} ${wrong.details.join(' ')}`, /another one/)
  })
}

test('an opened key is the same key, and a host lets it in', async () => {
  for (const name of ['ed25519', 'ecdsa', 'rsa']) {
    const locked = sshKeygen(`same-${name}`, 'a-passphrase', '-t', name)
    const [, blob] = readFileSync(join(folder, `same-${name}.pub`), 'utf8').split(' ')
    const open = await openPrivateKey(locked, 'a-passphrase', 'key')
    assert.equal(publicOf(open), blob)
    const sshd = await startSshd((command) => ['sh', '-c', command])
    try {
      ;(await connect({ ...sshd.login, privateKey: open })).close()
    } finally {
      sshd.close()
    }
  }
})

test('a key made with ssh-keygen -a 200 is opened beside the work of other hosts, once for all of them', async () => {
  const locked = sshKeygen('slow', 'a-passphrase', '-t', 'ed25519', '-a', '200')
  const started = performance.now()
  let [open, turns] = ['', 0]
  const opening = openPrivateKey(locked, 'a-passphrase', 'key').then((text) => (open = text))
  while (open === '') await Promise.race([opening, pause(20).then(() => (turns += 1))])
  const seconds = (performance.now() - started) / 1000
  assert.ok(turns >= 5, `the run was stopped for ${seconds.toFixed(1)} s while the key was opened`)
  const sshd = await startSshd((command) => ['sh', '-c', command])
  try {
    const again = performance.now()
    const hosts = [1, 2, 3, 4].map(() => connect({ ...sshd.login, privateKey: open }))
    for (const host of await Promise.all(hosts)) host.close()
    const each = (performance.now() - again) / 4000
    assert.ok(each < seconds, `${each} s a host, opening takes ${seconds}`)
  } finally {
    sshd.close()
  }
})

test('what is not a private key is told with the way to one: exit 2', async () => {
  const putty = await refused(
    'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\nAAAA\n',
  )
  assert.match(putty.message, /PuTTY/)
  assert.match(putty.hint ?? '', /^puttygen credentials\/staging\/key -O private-openssh -o /)
  assert.match((await refused('ssh-ed25519 AAAAC3Nza me@example.com\n')).message, /is a public key/)
  assert.match((await refused('hello')).message, /is not a private key/)
  const damaged = sshKeygen('damaged', 'a-passphrase', '-t', 'ed25519').replace(/\n[^-]{60}/, '\n')
  assert.match((await refused(damaged, 'a-passphrase')).message, /is damaged/)
  const pkcs8 = openssl('damaged8', '', '-algorithm', 'ed25519').replace(/\n[^-]{8}/, '\n')
  assert.match((await refused(pkcs8)).message, /is damaged/)
})

test('the key that opens the hosts is hidden from its reading on, whole and line by line', async () => {
  const text = sshKeygen('hidden', '', '-t', 'ed25519')
  const lines = text.split('\n').filter((line) => line.length > 16 && !line.startsWith('-----'))
  // The first line is the same for every key of this kind.
  assert.ok(lines.slice(1).some((line) => redact(line) === line))
  await readSshKey({ ENV: 'staging', SSH_KEY: join(folder, 'hidden') })
  assert.equal(redact(text), '***')
  for (const line of lines) assert.equal(redact(`log: ${line}`), 'log: ***')
})
