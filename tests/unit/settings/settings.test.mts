import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  contradicting,
  viewOf,
  missing,
  problemWith,
  resolve,
  typed,
  type Setting,
  type Sources,
} from '../../../lib/settings/settings.mts'

const settings = [
  { key: 'DOMAIN', title: 'Domain', kind: 'text' },
  {
    key: 'HOST',
    title: 'Host',
    kind: 'text',
    default: (given) => given.text('DOMAIN') && `n8n.${given.text('DOMAIN')}`,
  },
  { key: 'PORT', title: 'Port', kind: 'number', default: '5432' },
  { key: 'PASSWORD', title: 'Password', kind: 'sensitive' },
  { key: 'MODE', title: 'Mode', kind: 'choice', choices: ['a', 'b'], default: 'a' },
  { key: 'ISSUER', title: 'Issuer', kind: 'text', when: (given) => given.text('MODE') === 'b' },
  { key: 'NOTE', title: 'Note', kind: 'text', optional: true },
] as const satisfies readonly Setting[]

const from = (sources: Partial<Sources>) =>
  resolve(settings, { env: 'dev', overrides: {}, saved: {}, variables: {}, ...sources })
const textOf = (resolved: ReturnType<typeof from>, key: string) =>
  resolved.find(({ setting }) => setting.key === key)?.text

test('given beats saved beats variable beats default', () => {
  assert.equal(textOf(from({}), 'PORT'), '5432')
  assert.equal(textOf(from({ variables: { PORT: '1' } }), 'PORT'), '1')
  assert.equal(textOf(from({ variables: { PORT: '1' }, saved: { PORT: '2' } }), 'PORT'), '2')
  assert.equal(
    textOf(from({ variables: { PORT: '1' }, saved: { PORT: '2' }, overrides: { PORT: '3' } }), 'PORT'),
    '3',
  )
})

test('a default may be built from another setting, wherever that one came from', () => {
  assert.equal(textOf(from({ overrides: { DOMAIN: 'example.com' } }), 'HOST'), 'n8n.example.com')
  assert.equal(textOf(from({}), 'HOST'), undefined)
})

test('a setting without meaning is neither required nor resolved', () => {
  assert.ok(!missing(from({})).some(({ key }) => key === 'ISSUER'))
  assert.ok(missing(from({ saved: { MODE: 'b' } })).some(({ key }) => key === 'ISSUER'))
})

test('missing are the required ones only', () => {
  assert.deepEqual(
    missing(from({})).map(({ key }) => key),
    ['DOMAIN', 'HOST', 'PASSWORD'],
  )
})

test('a variable that contradicts a saved value is found', () => {
  const sources = { env: 'dev', overrides: {}, saved: { PORT: '2' }, variables: { PORT: '1' } }
  assert.deepEqual(
    contradicting(settings, sources).map(({ key }) => key),
    ['PORT'],
  )
  assert.deepEqual(contradicting(settings, { ...sources, variables: { PORT: '2' } }), [])
})

test('values are typed by kind', () => {
  const record = typed('dev', from({ saved: { DOMAIN: 'example.com', PASSWORD: 'secret-value' } }))
  assert.equal(record['PORT'], 5432)
  assert.equal(String(record['PASSWORD']), '***')
  assert.equal(record.ENV, 'dev')
  assert.ok(!('NOTE' in record))
})

test('each kind refuses what is invalid', () => {
  const given = viewOf('dev', [])
  const [, , port, password, mode] = settings
  assert.match(problemWith(port, 'abc', given) ?? '', /whole number/)
  assert.match(problemWith(mode, 'c', given) ?? '', /one of a, b/)
  assert.match(problemWith(password, 'abc', given) ?? '', /at least 4/)
  assert.match(problemWith(password, 'two\nlines', given) ?? '', /single line/)
  assert.equal(problemWith(port, '5432', given), undefined)
})
