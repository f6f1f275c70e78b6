import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../lib/base/files.mts'
import { placed, type Places } from '../../lib/checks/checks.mts'
import { placesOf } from '../../lib/checks/tests.mts'
import { documented } from '../docs/tables.mts'
import { readGraph } from './imports.mts'

// What an operator is told to do works when it is pasted: no word in it stands for a value that the kit knows.

/** Words that stand for something. Names of settings are none: they are longer. */
const standIn = /(?<![$\w])(THE_[A-Z]+|ENV|NAME|KEY|ADDRESS|HOST|USER|RANGE|REASON|ID|NAMESPACE|POD|NODE)\b/

/** The form of a line, and of the frame of a PEM file. */
const forms = /<KEY>|\bKEY=(VALUE|'value')|\b(PRIVATE|PUBLIC) KEY\b/g

/** The texts of a line of code that are made of words, without what is filled into them. */
const textsIn = (line: string): string[] =>
  (
    line.replaceAll(/\$\{[^}]*\}/g, '').match(/'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*"/g) ?? []
  ).filter((text) => / .*[a-z]{2}/.test(text))

test('no message holds a word that stands for a value', () => {
  const found = readGraph(root, ['lib', 'scripts']).files.flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, at) => {
        // Fixes of checks are filled in: the next test. A setting's help describes its form.
        if (/^\s*(\/\/|\/?\*|fix: |fix,|help: )/.test(line)) return []
        return textsIn(line).some((text) => standIn.test(text.replaceAll(forms, '')))
          ? [`${file}:${at + 1}`]
          : []
      }),
  )
  assert.deepEqual(found, [])
})

test('no message holds the name of a TypeScript type of the kit', () => {
  const { files } = readGraph(root, ['lib', 'scripts'])
  const sources = files.map((file) => [file, readFileSync(join(root, file), 'utf8')] as const)
  const declared = /^(?:export )?(?:interface|type|class) ([A-Z]\w*[a-z][A-Z]\w*)/gm
  const types = new Set(sources.flatMap(([, text]) => [...text.matchAll(declared)].map(([, name]) => name)))
  assert.ok(types.has('SettingsView'))
  const found = sources.flatMap(([file, text]) =>
    text.split('\n').flatMap((line, at) => {
      const words = /^\s*(\/\/|\/?\*)/.test(line) ? [] : textsIn(line).join(' ').match(/\w+/g)
      return (words ?? []).filter((word) => types.has(word)).map((word) => `${file}:${at + 1} ${word}`)
    }),
  )
  assert.deepEqual(found, [])
})

test('the fix of every check is filled in, also where the asking itself failed; that of a host needs nothing', () => {
  const settings = { ENV: 'staging' } as never
  for (const { module, checks, hostChecks = [] } of documented) {
    const places = placesOf(module, 'staging')
    for (const { id, fix, places: own } of checks)
      assert.doesNotMatch(placed(fix, { ...places, ...(own?.(settings) as Places | undefined) }), standIn, id)
    for (const { id, fix } of hostChecks) assert.doesNotMatch(fix, standIn, id)
  }
})

test('what the last lines of a container mean is told with the values of the environment', () => {
  const settings = { ENV: 'staging', VAULT_ADDR: 'https://vault.example.com:8200' } as never
  const told = documented.flatMap(({ module }) => module.failures?.(settings) ?? [])
  assert.ok(told.length > 50)
  for (const { line, meaning, next } of told) {
    assert.doesNotMatch(`${meaning} ${next}`, standIn, String(line))
    assert.doesNotMatch(next, /curl .*VAULT_ADDR/)
  }
})
