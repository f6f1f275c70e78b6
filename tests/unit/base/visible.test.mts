import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { foreignInMarkdown, inMarkdown, visible } from '../../../lib/base/visible.mts'

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
  assert.equal(
    foreignInMarkdown('fix at https://example.com or WWW.example.com, not newww.'),
    String.raw`fix at https:\/\/example.com or WWW\.example.com, not newww.`,
  )
})

test('questions show no control character and no secret of what they quote', () => {
  const base = join(import.meta.dirname, '../../../lib/base')
  const text = JSON.stringify(`${clipboard}hunter-22`)
  const script = `
    import { prompt } from '${base}/prompt.mts'
    import { sensitive } from '${base}/sensitive.mts'
    sensitive('hunter-22')
    const text = ${text}
    prompt.intro(text); prompt.note(text, text); prompt.outro(text)
    const validate = () => text
    void prompt.text(text, { fallback: text, validate })
    void prompt.password(text, validate)
    void prompt.confirm(text)
    void prompt.choose(text, [{ value: 'a', label: text }, { value: 'b', label: text }])`
  const runtime = join(import.meta.dirname, '../../../bin/runtime.mjs')
  const words = ['--import', runtime, '--input-type=module', '--eval', script]
  // Without a terminal each question is shown once, and the program ends unanswered: exit 13.
  const seen = execFileSync('sh', ['-c', '"$@" 2>&1 </dev/null || :', 'sh', process.execPath, ...words], {
    env: { ...process.env, CI: 'true' },
    encoding: 'utf8',
  })
  assert.ok(!['\u001b]', '\u0007', 'hunter-22'].some((one) => seen.includes(one)), seen)
  assert.equal(seen.split('␛]52;c;').length - 1, 11, seen)
})
