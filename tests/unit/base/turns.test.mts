import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../../lib/base/files.mts'

/** What these statements print, stdout and stderr together. */
function printed(statements: string): string {
  const program = `import { log, print, say } from '${root}/lib/base/log.mts'
import { inTurns } from '${root}/lib/base/turns.mts'
import { setTimeout as pause } from 'node:timers/promises'
${statements}`
  const words = ['--import', join(root, 'bin/runtime.mjs'), '--input-type=module', '--eval', program]
  const { stdout } = spawnSync('sh', ['-c', 'exec "$@" 2>&1', 'sh', process.execPath, ...words], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return stdout
}

test('of several runs at once each is shown whole, in their order; the first as it comes', () => {
  const text = printed(`
const begun = performance.now()
const run = (name, ms) => async () => {
  say(name + ' begins')
  log.waiting(name + ' waits')
  await pause(ms)
  print('data of ' + name)
  say(name + ' ends')
  return name
}
const results = await inTurns([run('a', 400), run('b', 50), run('c', 600)], () => false)
say(results.join(' '))
say(performance.now() - begun < 900 ? 'at once' : 'one after another')`)
  assert.deepEqual(text.trim().split('\n'), [
    'a begins',
    '  … a waits',
    'data of a',
    'a ends',
    'b begins',
    'data of b',
    'b ends',
    'c begins',
    'data of c',
    'c ends',
    'a b c',
    'at once',
  ])
})

test('after the last one that counts nothing of the others is shown, and all are over', () => {
  const text = printed(`
const run = (code, ms) => async () => {
  say('begins ' + code)
  await pause(ms)
  say('ends ' + code)
  over += 1
  return code
}
let over = 0
const results = await inTurns([run(0, 10), run(130, 100), run(1, 300)], (code) => code === 130)
say(results.join(' ') + ', over: ' + over)`)
  assert.deepEqual(text.trim().split('\n'), [
    'begins 0',
    'ends 0',
    'begins 130',
    'ends 130',
    '0 130, over: 3',
  ])
})
