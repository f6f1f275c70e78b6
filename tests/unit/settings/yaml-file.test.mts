import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { listOf, onlyFields, optional, text, wholeNumber } from '../../../lib/base/shape.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { readYaml } from '../../../lib/settings/yaml-file.mts'
import { createRandom, damagedText } from '../generated.mts'

const shape = onlyFields({ things: listOf(onlyFields({ name: text, size: optional(wholeNumber) })) })
const read = (content: string) => readYaml('things.yml', content, shape)

test('a file is read, and each part of it knows its line', () => {
  const file = read('\uFEFF# mine\r\nthings:\r\n  - name: one\r\n  - name: two\r\n    size: 2\r\n')
  assert.deepEqual(file.value, { things: [{ name: 'one' }, { name: 'two', size: 2 }] })
  assert.deepEqual(
    [['things'], ['things', 0], ['things', 1, 'size'], ['things', 1, 'absent']].map((path) =>
      file.line(path),
    ),
    [2, 3, 5, 4],
  )
  assert.equal(file.problem(['things', 1, 'size'], 'too small').message, 'things.yml:5:5: too small')
})

for (const [what, content, message] of [
  [
    'a misspelt field',
    'things:\n  - nam: one\n',
    /^things\.yml:2:5: things\[0\]\.nam is not known there: did you mean name\?/,
  ],
  [
    'a field that is missing: where its map begins',
    'things:\n  - size: 1\n',
    /^things\.yml:2:5: things\[0\]\.name is missing/,
  ],
  [
    'a value of another type',
    'things:\n  - name: one\n    size: big\n',
    /^things\.yml:3:5: things\[0\]\.size is text, not a whole number/,
  ],
  ['an unknown field at the top', 'thing: []\n', /^things\.yml:1:1: thing is not known there/],
  ['an empty file', '', /^things\.yml: it is empty/],
  ['a file of comments', '# nothing\n\n', /^things\.yml: it is empty/],
  ['a tab', 'things:\n\t- name: one\n', /^things\.yml:2:\d: .*[Tt]ab/],
  ['a list where a map must be', '- name: one\n', /^things\.yml:1:1: is a list, not a map/],
  ['a key given twice', 'things: []\nthings: []\n', /^things\.yml:2:1: .*unique/],
  ['two documents', 'things: []\n---\nthings: []\n', /^things\.yml:2:1: .*[Dd]ocument/],
  ['an anchor', 'things:\n  - &a { name: one }\n  - *a\n', /^things\.yml:2:\d+: anchors and aliases/],
  ['a tag', 'things: !!js/function []\n', /^things\.yml:1:9: .*tag/],
  ['a bracket that stays open', 'things: [\n', /^things\.yml:2:1: /],
] as const)
  test(`${what}: exit 2 with line and column`, () =>
    assert.throws(
      () => read(content),
      (thrown) => {
        assert.ok(thrown instanceof KitError, String(thrown))
        assert.equal(thrown.exitCode, exitCodes.usage)
        assert.match(thrown.message, message)
        return true
      },
    ))

test('a file of 5 MB is refused by its size, at once', () => {
  const started = performance.now()
  assert.throws(() => read(`things:\n${'  - name: one\n'.repeat(400_000)}`), /more than 256 KiB/)
  assert.ok(performance.now() - started < 1000)
})

test('a document made to grow is refused, not expanded', () => {
  const layers = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name, at, all) =>
    at === 0
      ? `${name}: &${name} [x,x,x,x,x,x,x,x,x]`
      : `${name}: &${name} [${`*${all[at - 1]},`.repeat(9)}]`,
  )
  assert.throws(() => read(layers.join('\n')), /anchors and aliases/)
})

test('what a secret file holds is in no message', () => {
  const secret = sensitive('sk-live-0123456789').reveal()
  for (const content of [`things:\n  - ${secret}: one\n`, `${secret}: [\n`])
    assert.throws(
      () => read(content),
      (thrown) => thrown instanceof KitError && !thrown.message.includes(secret),
    )
})

test('a damaged file is read or refused by an error with its place, never by another one', () => {
  const random = createRandom()
  const whole = 'things:\n  - name: "one"\n    size: 1\n  - { name: two, size: 2 } # mine\n'
  for (let left = 300; left > 0; left -= 1) {
    const broken = damagedText(random, whole)
    try {
      read(broken)
    } catch (thrown) {
      const shown = `SHAPE_SEED=${random.seed}: ${JSON.stringify(broken)}: ${String(thrown)}`
      assert.ok(thrown instanceof KitError, shown)
      assert.match(thrown.message, /^things\.yml(:\d+:\d+)?: ./, shown)
      assert.equal(thrown.exitCode, exitCodes.usage, shown)
    }
  }
})
