import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { connect } from '../../../lib/hosts/ssh.mts'
import { startSshd } from './sshd.mts'

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-ssh-'))
after(() => rmSync(folder, { recursive: true }))

/** The text of a new key of ssh-keygen's. */
function makeKey(name: string, ...words: string[]): string {
  const path = join(folder, name)
  execFileSync('ssh-keygen', ['-q', ...words, '-N', 'a passphrase', '-f', path])
  return readFileSync(path, 'utf8')
}

/** What is said of a host where nobody listens: its key is looked at before. */
const refused = (privateKey: string, passphrase?: string): Promise<KitError> =>
  connect({
    name: 'a',
    address: '127.0.0.1',
    port: 1,
    user: 'root',
    privateKey,
    passphrase,
    keys: { known: [], revoked: [] },
  }).then(
    () => assert.fail('it is in'),
    (thrown: unknown) => thrown as KitError,
  )

for (const [name, ...words] of [
  ['ed25519', '-t', 'ed25519'],
  ['rsa in PEM form', '-t', 'rsa', '-m', 'PEM'],
] as const) {
  test(`a locked key (${name}) is told as that, and so is a wrong passphrase: exit 2; with the right one the host is asked`, async () => {
    const locked = makeKey(name.replaceAll(' ', '-'), ...words)
    const without = await refused(locked)
    assert.match(without.message, /has a passphrase, and none is known/)
    assert.equal(without.exitCode, exitCodes.usage)
    const wrong = await refused(locked, 'another one')
    assert.match(wrong.message, /SSH_KEY_PASSPHRASE does not open/)
    assert.equal(wrong.exitCode, exitCodes.usage)
    assert.doesNotMatch(`${wrong.message} ${wrong.hint}`, /another one/)
    assert.equal((await refused(locked, 'a passphrase')).exitCode, exitCodes.unreachable)
  })
}

test('a damaged key is told as that: exit 2', async () => {
  const locked = makeKey('damaged', '-t', 'ed25519')
  const error = await refused(locked.replace(/\n[^-]{60}/, '\n'))
  assert.match(error.message, /is damaged/)
  assert.equal(error.exitCode, exitCodes.usage)
})

test('a host that writes without an end is given up: exit 9; a character in two pieces is whole', async () => {
  const sshd = await startSshd((command) => ['sh', '-c', command])
  try {
    const cut = await connect(sshd.login)
    const { stdout } = await cut.run(['sh', '-c', String.raw`printf '\303'; sleep 0.2; printf '\251'`])
    assert.equal(stdout, 'é')
    await assert.rejects(cut.run(['yes', 'x'.repeat(10_000)]), {
      exitCode: exitCodes.rolloutFailed,
      message: /^worker-01: more than 64 MiB of output/,
    })
    cut.close()
  } finally {
    sshd.close()
  }
})
