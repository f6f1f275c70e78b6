import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { redact, sensitive } from '../../lib/sensitive.mts'

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
