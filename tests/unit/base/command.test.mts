import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { run, shownWords } from '../../../lib/base/command.mts'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'

test('a program the kit starts gets English, no kubectl preferences and no value of the kit’s own', async () => {
  const before = { ...process.env }
  Object.assign(process.env, {
    LANG: 'fr_FR.UTF-8',
    LC_MESSAGES: 'fr_FR.UTF-8',
    LANGUAGE: 'fr',
    KEYBUZZ_POSTGRES_PASSWORD: 'planted-3Aa',
    HTTPS_PROXY: 'http://proxy.example.com:3128',
  })
  try {
    const { stdout } = await run(['env'])
    const variables = Object.fromEntries(
      stdout.split('\n').map((line) => line.split('=') as [string, string]),
    )
    assert.equal(variables['LC_ALL'], 'C')
    assert.equal(variables['KUBERC'], 'off')
    assert.equal(variables['HTTPS_PROXY'], 'http://proxy.example.com:3128')
    for (const name of ['LANG', 'LC_MESSAGES', 'LANGUAGE', 'KEYBUZZ_POSTGRES_PASSWORD'])
      assert.ok(!(name in variables), name)
  } finally {
    process.env = before
  }
})

test('a program that writes without an end is ended: exit 9, and the run goes on', async () => {
  await assert.rejects(run(['sh', '-c', 'yes 0123456789abcdef']), {
    exitCode: exitCodes.rolloutFailed,
    message: /more than 64 MiB of output/,
  })
  assert.equal((await run(['echo', 'next'])).stdout, 'next\n')
})

test('a program that ends without reading its stdin is an answer: its own exit code and words', async () => {
  const input = 'x'.repeat(4 * 1024 * 1024)
  for (let round = 0; round < 5; round += 1) {
    const { code, stderr } = await run(['sh', '-c', 'echo refused >&2; exit 3'], { input })
    assert.deepEqual([code, stderr], [3, 'refused\n'])
  }
})

test('a character that is written in two pieces is read whole', async () => {
  const { stdout } = await run(['sh', '-c', String.raw`printf '\303'; sleep 0.2; printf '\251'`])
  assert.equal(stdout, 'é')
})

test('no answer in time, the end by a signal, and a program that cannot be started are told apart', async () => {
  await assert.rejects(run(['sleep', '20'], { timeoutSeconds: 0.3 }), {
    exitCode: exitCodes.unreachable,
    message: 'sleep 20: no answer within 0.3 s',
  })
  await assert.rejects(run(['sh', '-c', 'kill -KILL $$']), {
    exitCode: exitCodes.rolloutFailed,
    message: /it was ended by the signal SIGKILL$/,
  })
  // A word longer than Linux passes to a program (MAX_ARG_STRLEN: 128 KiB).
  await assert.rejects(run(['true', 'x'.repeat(200_000)]), (thrown: unknown) => {
    assert.ok(thrown instanceof KitError, String(thrown))
    assert.equal(thrown.exitCode, exitCodes.preflight)
    assert.match(thrown.message, /this machine cannot start it: spawn E2BIG$/)
    assert.ok(thrown.message.length < 500)
    return true
  })
})

test('a command is shown so that a shell reads the same words', () => {
  const words = ['get', '--raw', '/x?a=1&b=2', "it's", 'a b', 'n8n-dev']
  const { stdout } = spawnSync('sh', ['-c', `printf '%s\\n' ${shownWords(words)}`], { encoding: 'utf8' })
  assert.deepEqual(stdout.trimEnd().split('\n'), words)
})
