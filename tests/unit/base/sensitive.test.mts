import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { secretEnv } from '../../../lib/kube/manifests/objects.mts'
import { hideToken } from '../../../scripts/09_k3s/nodes/tokens.mts'
import {
  redact,
  saysSecret,
  sensitive,
  sensitiveLater,
  shortened,
  strictlyPercent,
} from '../../../lib/base/sensitive.mts'

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

test('a value that takes long to make is made at its first reading, once, and hidden from then on', () => {
  let made = 0
  const later = sensitiveLater(() => `made-${(made += 1)}-${'x'.repeat(8)}`)
  const { data = {} } = secretEnv('a', 'b', { HASH: later })
  assert.deepEqual([Object.keys(data), String(later), made], [['HASH'], '***', 0])
  assert.equal(JSON.stringify(data), `{"HASH":"${Buffer.from('made-1-xxxxxxxx').toString('base64')}"}`)
  assert.equal(later.reveal(), 'made-1-xxxxxxxx')
  assert.equal(redact('it is made-1-xxxxxxxx'), 'it is ***')
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

test('redact finds base64url, JSON in JSON, Go’s JSON, lower-case and strict percent encoding, and forms', () => {
  const odd = `<p&ss>?~!*'(é) "quoted"\\`
  sensitive(odd)
  const lower = (text: string) => text.replaceAll(/%[0-9A-F]{2}/g, (one) => one.toLowerCase())
  for (const text of [
    Buffer.from(odd).toString('base64url'),
    JSON.stringify(JSON.stringify({ odd })),
    JSON.stringify(odd).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026'),
    encodeURIComponent(odd),
    lower(encodeURIComponent(odd)),
    strictlyPercent(odd),
    lower(strictlyPercent(odd)),
    encodeURIComponent(odd).replaceAll('%20', '+'),
  ]) {
    const clean = redact(`before ${text} after`)
    assert.match(clean, /\*\*\*/, text)
    assert.ok(!/quoted|p&ss/.test(clean), clean)
  }
})

test('redact finds a password in an address that SQLAlchemy 1.4 prints, which encodes three signs alone', () => {
  sensitive(`role % @:/#?&=+"'`)
  assert.equal(redact(`postgresql://role:role % %40%3A%2F#?&=+"'@db`), 'postgresql://role:***@db')
})

test('a line of a key is a secret by itself, raw and in base64; the frame around it is not', () => {
  const lines = ['QyNTUxOQAAACBf3zJ7planted0', 'b3BlbnNzaC1rZXktdjEplanted1']
  sensitive(`-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`)
  for (const line of lines) {
    assert.equal(redact(`line: ${line}`), 'line: ***')
    assert.match(redact(Buffer.from(`k=${line};`).toString('base64')), /\*\*\*/)
  }
  assert.equal(redact('-----BEGIN OPENSSH PRIVATE KEY-----'), '-----BEGIN OPENSSH PRIVATE KEY-----')
})

test('names tell which values are secret', () => {
  for (const name of ['DB_PASSWORD', 'STRIPE_API_KEY', 'sessionSecret', 'AUTH_TOKEN'])
    assert.ok(saysSecret(name), name)
  for (const name of ['LOG_LEVEL', 'DEBUG', 'PORT']) assert.ok(!saysSecret(name), name)
})

test('a token read from a host is hidden whole, and the password it ends with', () => {
  hideToken('K10abcdef::server:planted-node-token')
  assert.equal(redact('K10abcdef::server:planted-node-token, planted-node-token'), '***, ***')
})
