import assert from 'node:assert/strict'
import { test } from 'node:test'
import { envText, lineFor, parseEnvFile } from '../../../lib/settings/env-file.mts'
import { KitError } from '../../../lib/base/errors.mts'

const parse = (text: string) => parseEnvFile('/kit/credentials/dev/12_n8n.env', text)

const failsWith = (text: string, message: RegExp) =>
  assert.throws(
    () => parse(text),
    (error) => error instanceof KitError && error.exitCode === 2 && message.test(error.message),
  )

test('2,000 random values come back as they went, or are refused by name before anything is written', () => {
  const alphabet = [...Array(95).keys()].map((code) => String.fromCharCode(code + 32)).join('') + 'éß漢字🔑'
  const characters = Array.from(alphabet)
  let kept = 0
  for (let count = 0; count < 2000; count += 1) {
    const length = 1 + Math.floor(Math.random() * 40)
    const start = count % 3 === 0 ? '-' : ''
    const value =
      start + Array.from({ length }, () => characters[Math.floor(Math.random() * characters.length)]).join('')
    let text: string
    try {
      text = envText({ FIRST: 'x', VALUE: value, LAST: 'y' })
    } catch (error) {
      assert.ok(error instanceof KitError && error.message.startsWith('VALUE cannot be saved'))
      continue
    }
    kept += 1
    assert.deepEqual(parse(text), { FIRST: 'x', VALUE: value, LAST: 'y' })
  }
  assert.ok(kept > 1500, `only ${kept} of 2000 could be saved`)
})

test('a value with a single quote stands in backticks', () => {
  assert.equal(lineFor('A', "it's"), "A=`it's`")
  assert.equal(lineFor('A', 'plain'), "A='plain'")
})

test('comments, blank lines, a byte order mark and Windows line ends change no value', () => {
  assert.deepEqual(parse("\uFEFF# note\r\n\r\nA='1'\r\nB=`it's`\r\n"), { A: '1', B: "it's" })
})

test('a line we would not have written is an error with its number', () => {
  failsWith("A='1'\nB=unquoted\n", /12_n8n\.env line 2: it is not of the form/)
  failsWith('A="double"\n', /line 1/)
  failsWith("A='1'\nA='2'\n", /line 2: A is there twice/)
  failsWith("A='it's'\n", /line 1: the value of A is not quoted as the kit writes it/)
  failsWith("A='1'\nB='cut", /line 2: the file ends in the middle of a line/)
})

test('an error names the key, never the value', () => {
  assert.throws(
    () => parse("PASSWORD='hunter2\n"),
    (error) =>
      error instanceof KitError &&
      !error.message.includes('hunter2') &&
      !error.details.join().includes('hunter2'),
  )
})
