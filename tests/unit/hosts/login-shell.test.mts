import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { connect, type Connection } from '../../../lib/hosts/ssh.mts'
import { startSshd } from './sshd.mts'

// Login shells as they are: what they print by themselves, and what they make of words.

type Shell = (command: string) => readonly string[]
const plain: Shell = (command) => ['bash', '-c', command]
/** How fish reads quoted words: `\\` is one backslash. */
const fish: Shell = (command) => [
  'bash',
  '-c',
  `export SHELL=/usr/bin/fish; ${command.replaceAll(`\\\\`, `\\`)}`,
]
/** How tcsh reads quoted words: they end with their line. */
const tcsh: Shell = (command) =>
  command.includes('\n') ? ['bash', '-c', `echo "Unmatched '''." >&2; exit 1`] : plain(command)

/** What a connection to a host with this login shell ends with. */
async function refused(shell: Shell): Promise<KitError> {
  const sshd = await startSshd(shell)
  try {
    ;(await connect(sshd.login)).close()
    assert.fail('it is in')
  } catch (thrown) {
    assert.ok(thrown instanceof KitError, String(thrown))
    assert.equal(thrown.exitCode, exitCodes.preflight)
    return thrown
  } finally {
    sshd.close()
  }
}

/** Does something on a connection to a host with this login shell. */
async function connected(shell: Shell, act: (connection: Connection) => Promise<void>): Promise<void> {
  const sshd = await startSshd(shell)
  const connection = await connect(sshd.login)
  try {
    await act(connection)
  } finally {
    connection.close()
    sshd.close()
  }
}

for (const [what, shell, message] of [
  [
    'greets',
    (command) => plain(`echo Welcome to worker-01; ${command}`),
    /prints text of its own: Welcome to worker-01$/,
  ],
  ['says goodbye', (command) => plain(`trap 'echo bye' EXIT; ${command}`), /prints text of its own: bye$/],
  [
    'is no shell',
    () => ['echo', 'Please login as another user.'],
    /root does not run what it is given: Please login as another user/,
  ],
  ['halves backslashes, as fish', fish, /root \(\/usr\/bin\/fish\) changes words on their way: /],
  ['ends a word with its line, as tcsh', tcsh, /does not run what it is given: Unmatched/],
  [
    'moves the cursor',
    (command) => plain(`printf '\\033]52;c;eA==\\007\\033[2Jhello\\n'; ${command}`),
    /text of its own: ␛\]52;c;eA==␇␛\[2Jhello$/,
  ],
] as const satisfies readonly (readonly [string, Shell, RegExp])[]) {
  test(`a login shell that ${what} is refused with its words: exit 3`, async () => {
    const error = await refused(shell)
    assert.match(error.message, message)
    assert.match(error.hint ?? '', /~\/\.bashrc|usermod -s/)
  })
}

test('a plain login shell runs exactly the words it is given, with their input, in a language of machines', async () => {
  const words = ['', 'two\nlines', `it's "this" \\\\ $HOME`, '*']
  await connected(plain, async (connection) => {
    const script = 'printf "%s|" "$@"; cat; echo "$LC_ALL" >&2; exit 3'
    assert.deepEqual(await connection.run(['sh', '-c', script, 'sh', ...words], { input: 'typed' }), {
      code: 3,
      stdout: `${words.map((word) => `${word}|`).join('')}typed`,
      stderr: 'C\n',
    })
  })
})

test('text that a login shell prints only later, or only as an error, is no command’s', async () => {
  let commands = 0
  const later: Shell = (command) =>
    plain(`${(commands += 1) > 1 ? 'echo hello; trap "echo bye" EXIT;' : ''} echo no locale >&2; ${command}`)
  await connected(later, async (connection) => {
    assert.deepEqual(await connection.run(['sh', '-c', 'echo yes; echo no >&2']), {
      code: 0,
      stdout: 'yes\n',
      stderr: 'no\n',
    })
    const onLost = () => {}
    assert.equal(
      await connection.runHeld(['sh', '-c', 'printf bu; sleep 0.1; echo sy; cat'], { onLost }),
      'busy',
    )
    const ended = await connection.runHeld(['sh', '-c', 'exit 75'], { onLost })
    assert.ok(typeof ended !== 'string' && ended.code === 75)
  })
})

test('a link that drops, a host that hangs, and one that writes without an end while the lock is taken: exit 6, 6 and 9', async () => {
  const onLost = () => assert.fail('it was never held')
  const held = async (words: string[], timeoutSeconds: number, isCut = false) => {
    const sshd = await startSshd(plain)
    const connection = await connect(sshd.login)
    if (isCut) setTimeout(() => sshd.drop(), 300)
    try {
      return await connection.runHeld(words, { onLost, shown: 'taking the lock', timeoutSeconds })
    } finally {
      connection.close()
      sshd.close()
    }
  }
  await assert.rejects(held(['sleep', '60'], 30, true), {
    exitCode: exitCodes.unreachable,
    message: /lost during: taking the lock/,
  })
  await assert.rejects(held(['sleep', '60'], 0.5), {
    exitCode: exitCodes.unreachable,
    message: /no answer within 0.5 s to: taking the lock/,
  })
  await assert.rejects(held(['sh', '-c', String.raw`yes | tr -d '\n'`], 30), {
    exitCode: exitCodes.rolloutFailed,
    message: /more than 1 MiB of output to: taking the lock/,
  })
})

test('a lock whose holder begins to write without an end is lost, and its output is not collected', async () => {
  let lost = 0
  await connected(plain, async (connection) => {
    const onLost = () => (lost += 1)
    assert.equal(await connection.runHeld(['sh', '-c', 'echo quiet; sleep 0.3; yes'], { onLost }), 'quiet')
    for (let tries = 0; lost === 0 && tries < 100; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
  })
  assert.equal(lost, 1)
})

test('an answer without its end is no answer: exit 6', async () => {
  let commands = 0
  const short: Shell = (command) => plain((commands += 1) > 1 ? `(${command}) | head -c 20` : command)
  await connected(short, (connection) =>
    assert.rejects(
      connection.run(['echo', 'a long answer']),
      (thrown) =>
        thrown instanceof KitError &&
        thrown.exitCode === exitCodes.unreachable &&
        /its answer is not whole: echo 'a long answer'/.test(thrown.message),
    ),
  )
})
