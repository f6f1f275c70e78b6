import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { lostSettings, recordOf } from '../../../lib/settings/recorded.mts'
import { problemWith, resolve, type RawValues, type Setting } from '../../../lib/settings/settings.mts'

const settings: readonly Setting[] = [
  { key: 'HOST', title: 'Host', kind: 'text' },
  { key: 'PROXIES', title: 'Proxies', kind: 'text', optional: true },
  { key: 'MODE', title: 'Mode', kind: 'choice', choices: ['plain', 'issuer'], default: 'plain' },
  { key: 'ISSUER', title: 'Issuer', kind: 'text', when: (view) => view.text('MODE') === 'issuer' },
  { key: 'LIMIT', title: 'Limit', kind: 'number', default: '10' },
  { key: 'KEY', title: 'Key', kind: 'sensitive', generate: () => 'generated-anew' },
]

const resolvedFrom = (saved: RawValues, defaults: RawValues = {}, more: RawValues = {}) =>
  resolve(
    settings.map((one) =>
      defaults[one.key] === undefined ? one : { ...one, default: defaults[one.key] ?? '' },
    ),
    { env: 'dev', overrides: {}, saved: { ...saved, ...more }, variables: {} },
  )

const whole = {
  HOST: 'a.example.com',
  PROXIES: '192.0.2.1',
  MODE: 'issuer',
  ISSUER: 'public',
  KEY: 'the-secret-key',
}
const record = recordOf(resolvedFrom(whole))

const lostFrom = (saved: RawValues, defaults: RawValues = {}) =>
  lostSettings(record, (more) => resolvedFrom(saved, defaults, more)).map(
    ({ setting, before, now }) => `${setting.key} ${before} ${now}`,
  )

test('a revision keeps names and plain values that were given, never a secret’s, nor a text with a password in it', () => {
  assert.deepEqual(record, {
    values: { HOST: 'a.example.com', PROXIES: '192.0.2.1', MODE: 'issuer', ISSUER: 'public' },
    secrets: ['KEY'],
  })
  sensitive('planted-in-a-text')
  for (const text of ['user:planted-in-a-text', 'http://user:pass@192.0.2.1:3128'])
    assert.deepEqual(recordOf(resolvedFrom({ ...whole, PROXIES: text })).values, {
      HOST: 'a.example.com',
      MODE: 'issuer',
      ISSUER: 'public',
    })
})

test('what a shortened or lost file no longer says is lost, with what depends on it', () => {
  const { PROXIES: _, ...shortened } = whole
  assert.deepEqual(lostFrom(shortened), ['PROXIES 192.0.2.1 undefined'])
  assert.deepEqual(lostFrom({ KEY: 'the-secret-key' }), [
    'HOST a.example.com undefined',
    'PROXIES 192.0.2.1 undefined',
    'MODE issuer plain',
    'ISSUER public undefined',
  ])
})

test('a change is no loss: another value, an empty one on purpose, another default of a newer kit', () => {
  assert.deepEqual(lostFrom({ ...whole, HOST: 'b.example.com', PROXIES: '' }), [])
  assert.deepEqual(lostFrom(whole, { LIMIT: '20' }), [])
  assert.deepEqual(lostFrom(whole), [])
})

test('an optional setting may be empty on purpose, whatever its rule says of a value', () => {
  const view = { env: 'dev', text: () => undefined }
  const rule = { key: 'S3', title: 'S3', kind: 'text', validate: () => 'must be a URL' } as const
  assert.equal(problemWith({ ...rule, optional: true }, '', view), undefined)
  assert.equal(problemWith({ ...rule, optional: true }, 'no url', view), 'must be a URL')
  assert.equal(problemWith(rule, '', view), 'must be a URL')
})

test('what a run was given for itself alone is in no revision, not even by its name', () => {
  const token: Setting = { key: 'TOKEN', title: 'Token', kind: 'sensitive', optional: true, transient: true }
  const resolved = resolve([token], {
    env: 'dev',
    overrides: {},
    saved: {},
    variables: { TOKEN: 'token-of-one-run' },
  })
  assert.deepEqual(
    recordOf(resolved, () => 'fingerprint'),
    { values: {}, secrets: [] },
  )
})
