import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { inMarkdown, visible } from '../../../lib/base/visible.mts'

// What a pod could write to be read by an operator's terminal.
const clipboard = '\u001b]52;c;cm0gLXJmIC8=\u0007'
const overwrites = 'failed\r\u001b[2K  \u001b[32m✓\u001b[0m everything is healthy'

test('nothing in foreign text acts on a terminal, and everything in it is shown', () => {
  assert.equal(visible(clipboard), '␛]52;c;cm0gLXJmIC8=␇')
  assert.equal(visible(overwrites), 'failed␍␛[2K  ␛[32m✓␛[0m everything is healthy')
  assert.equal(visible('\u009b2J \u202egpj.exe \u007f \u2028'), String.raw`\u009b2J \u202egpj.exe ␡ \u2028`)
  assert.equal(visible('café\t✓\n→'), 'café\t✓\n→')
})

test('screen, log lines and data hold no control character of a message; the kit’s own colours stay', () => {
  const path = join(import.meta.dirname, '../../../lib/base/log.mts')
  const script = `
    import { log, print, say } from '${path}'
    const text = ${JSON.stringify(`${clipboard}${overwrites}`)}
    say(text); log.ok(text, 0); log.warn(text, text); log.fail(text, [text]); log.title(text); log.waiting(text); print(text)`
  const runtime = join(import.meta.dirname, '../../../bin/runtime.mjs')
  const words = ['--import', runtime, '--input-type=module', '--eval', script]
  const seen = execFileSync('sh', ['-c', 'exec "$@" 2>&1', 'sh', process.execPath, ...words], {
    env: { ...process.env, FORCE_COLOR: '1', CI: 'true' },
    encoding: 'utf8',
  })
  const ours = new RegExp(String.raw`\u001b\[[0-9;]*m`, 'g')
  assert.ok(ours.test(seen), 'the kit speaks in colour')
  assert.doesNotMatch(seen.replaceAll(ours, ''), /(?![\t\n])\p{Cc}/u)
  assert.equal(seen.split('␛]52;c;').length - 1, 9)
})

test('a report holds no link, HTML or table cell of anybody else', () => {
  assert.equal(
    inMarkdown('[fix](https://example.com) <img src=x> `rm` a | b\nnext'),
    String.raw`\[fix\](https://example.com) \<img src=x\> \`rm\` a \| b next`,
  )
})
