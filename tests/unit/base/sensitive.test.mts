import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { redact, sensitive, shortened } from '../../../lib/base/sensitive.mts'

const value = `pa's"s#w$0rd\\é`

test('every text form of a sensitive value is ***', () => {
  const secret = sensitive(value)
  assert.equal(String(secret), '***')
  assert.equal(JSON.stringify({ secret }), '{"secret":"***"}')
  assert.equal(inspect({ secret }), '{ secret: *** }')
  assert.equal(secret.reveal(), value)
})

test('redact finds a value raw, in JSON, in a URL, in shell quotes and in base64', () => {
  sensitive(value)
  for (const text of [
    value,
    JSON.stringify(value),
    `postgres://n8n:${encodeURIComponent(value)}@192.0.2.1/n8n`,
    `'${value.replaceAll("'", `'\\''`)}'`,
    Buffer.from(value).toString('base64'),
  ]) {
    const clean = redact(`before ${text} after`)
    assert.ok(!clean.includes(value) && clean.includes('***'), clean)
    assert.match(clean, /^before .*after$/)
  }
})

test('redact finds a value inside something longer that was base64 encoded, at any offset', () => {
  sensitive('correct-horse-battery')
  for (const prefix of ['', 'a', 'ab', 'user:']) {
    const text = Buffer.from(`${prefix}correct-horse-battery:tail`).toString('base64')
    assert.ok(redact(text).includes('***'), `${prefix}: ${redact(text)}`)
  }
})

test('the longer of two values that overlap is redacted first', () => {
  sensitive('abcdef')
  sensitive('abcdefghij')
  assert.equal(redact('abcdefghij'), '***')
})

test('text is redacted before it is cut: no beginning of a password is left', () => {
  const password = 'a-password-of-thirty-five-characters'
  sensitive(password)
  for (let most = 10; most < 60; most += 1) {
    const seen = shortened(`refused: ${password} is wrong`, most)
    assert.ok(!seen.includes(password.slice(0, 4)), seen)
    assert.ok(seen.length <= most)
  }
  assert.equal(shortened('short', 10), 'short')
})

test('nothing else cuts text to a length a message has', () => {
  for (const folder of ['lib', 'scripts']) {
    const root = join(import.meta.dirname, '../../..', folder)
    for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.mts') || file.endsWith('base/sensitive.mts')) continue
      const text = readFileSync(join(root, file), 'utf8')
      const cuts = [...text.matchAll(/\.(?:slice|substring)\(0, (\d+)\)/g)].filter(
        ([, most]) => Number(most) >= 40,
      )
      assert.deepEqual(
        cuts.map(([cut]) => cut),
        [],
        `${folder}/${file}`,
      )
    }
  }
})
