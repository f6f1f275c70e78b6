import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Cancelled, exitCodes, KitError } from '../../../lib/base/errors.mts'
import { interruption } from '../../../lib/base/signals.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import { createHost } from '../../../lib/hosts/host.mts'
import { connect, type Connection, type RemoteOptions } from '../../../lib/hosts/ssh.mts'
import { startSshd } from './sshd.mts'

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-ssh-'))
after(() => rmSync(folder, { recursive: true }))

/** The text of a new key of ssh-keygen's. */
function makeKey(name: string, ...words: string[]): string {
  const path = join(folder, name)
  execFileSync('ssh-keygen', ['-q', ...words, '-N', '', '-f', path])
  return readFileSync(path, 'utf8')
}

/** What is said of a host where nobody listens: its key is looked at before. */
const refused = (privateKey: string): Promise<KitError> =>
  connect({
    name: 'a',
    address: '127.0.0.1',
    port: 1,
    user: 'root',
    privateKey,
    keyFile: '/root/my keys/id_ed25519',
    keys: { known: [], revoked: [] },
  }).then(
    () => assert.fail('it is in'),
    (thrown: unknown) => thrown as KitError,
  )

test('a damaged key is told as that: exit 2', async () => {
  const whole = makeKey('damaged', '-t', 'ed25519')
  const error = await refused(whole.replace(/\n[^-]{60}/, '\n'))
  assert.match(error.message, /is damaged/)
  assert.equal(error.exitCode, exitCodes.usage)
  assert.match(error.hint ?? '', /ssh-keygen -y -f '\/root\/my keys\/id_ed25519';/)
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

/** Most sessions that were open at once on a host whose sshd allows `most`, and what its commands printed. */
async function withMaxSessions(
  most: number,
  act: (connection: Connection) => Promise<void>,
): Promise<number> {
  const sshd = await startSshd((command) => ['sh', '-c', command], { maxSessions: most })
  const connection = await connect(sshd.login)
  try {
    await act(connection)
    return sshd.refused()
  } finally {
    connection.close()
    sshd.close()
  }
}

test('an sshd with MaxSessions 2: the lock is held and commands run one after the other', async () => {
  const refusals = await withMaxSessions(2, async (connection) => {
    const onLost = () => {}
    assert.equal(await connection.runHeld(['sh', '-c', 'echo held; cat >/dev/null'], { onLost }), 'held')
    const said = [1, 2, 3, 4, 5].map((one) => connection.run(['sh', '-c', `sleep 0.1; echo ${one}`]))
    assert.deepEqual(
      (await Promise.all(said)).map(({ stdout }) => stdout),
      ['1\n', '2\n', '3\n', '4\n', '5\n'],
    )
  })
  assert.ok(refusals >= 1 && refusals <= 2, `${refusals} were refused: the first teaches how many there are`)
})

test('an sshd with MaxSessions 1: the second session is exit 3, and MaxSessions is named', async () => {
  await withMaxSessions(1, async (connection) => {
    assert.equal((await connection.run(['echo', 'one'])).stdout, 'one\n')
    await connection.runHeld(['sh', '-c', 'echo held; cat >/dev/null'], { onLost() {} })
    await assert.rejects(connection.run(['echo', 'two']), {
      exitCode: exitCodes.preflight,
      hint: /MaxSessions 4/,
    })
  })
})

// The last test of this file: an interruption stays.
test('what must not be left half done ends after Ctrl-C, and is taken back without the gate; nothing else begins', async () => {
  const sshd = await startSshd((command) => ['sh', '-c', command])
  const connection = await connect(sshd.login)
  const asked: [words: string, options: RemoteOptions | undefined][] = []
  const host = createHost({
    name: 'worker-01',
    address: '192.0.2.21',
    // Its flock would make a folder on this machine.
    connection: {
      ...connection,
      run: (words, options) => {
        asked.push([words.slice(-2).join(' '), options])
        return connection.run(words.slice(-2), options)
      },
    },
    writes: createWrites({ planning: false, guard: () => Promise.reject(new Error('the gate is shut')) }),
  })
  try {
    const ending = connection.run(['sh', '-c', 'sleep 0.3; echo done'], { runDespiteInterrupt: true })
    const cut = connection.run(['sh', '-c', 'echo one']).then(({ stdout }) => stdout)
    assert.equal(await cut, 'one\n')
    interruption.failWith(new Cancelled())
    assert.equal((await ending).stdout, 'done\n')
    await assert.rejects(host.change('stop it', ['echo', 'stopped']), /the gate is shut/)
    await host.undo('start it', ['echo', 'started'])
    assert.deepEqual(
      asked.map(([words, options]) => [words, options?.runDespiteInterrupt]),
      [['echo started', true]],
    )
    await assert.rejects(connection.run(['echo', 'more']), { exitCode: exitCodes.interrupted })
  } finally {
    connection.close()
    sshd.close()
  }
})
