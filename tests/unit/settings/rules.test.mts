import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes } from '../../../lib/base/errors.mts'
import { requireLive, requireValid } from '../../../lib/settings/rules.mts'
import { resolve, type Declares, type Setting, type Sources } from '../../../lib/settings/settings.mts'

const keepable: Setting = { key: 'N8N_ENCRYPTION_KEY', title: 'Key', kind: 'sensitive', keep: true }
const password: Setting = { key: 'N8N_POSTGRES_PASSWORD', title: 'Password', kind: 'sensitive' }
const port: Setting = { key: 'N8N_PORT', title: 'Port', kind: 'number' }
const settings = [keepable, password, port]
const module: Declares = { number: 12, slug: 'n8n', title: 'n8n', shared: [], settings }

const judged = (from: Partial<Sources>) => {
  const sources: Sources = { env: 'dev', overrides: {}, saved: {}, variables: {}, ...from }
  return { module, sources, resolved: resolve(settings, sources) }
}

for (const [from, key, place, hint] of [
  [
    'saved',
    keepable.key,
    'credentials/dev/12_n8n.env',
    `take the line ${keepable.key} out of credentials/dev/12_n8n.env: the next run adopts the live value`,
  ],
  [
    'variables',
    keepable.key,
    `the variable KEYBUZZ_${keepable.key}`,
    `unset KEYBUZZ_${keepable.key}: the next run adopts the live value`,
  ],
  [
    'overrides',
    keepable.key,
    'the answers file',
    `take the line ${keepable.key} out of the answers file: the next run adopts the live value`,
  ],
  [
    'saved',
    password.key,
    'credentials/dev/12_n8n.env',
    `take the line ${password.key} out of credentials/dev/12_n8n.env to keep the live value, or give the new one in this run: --answers FILE`,
  ],
  [
    'variables',
    password.key,
    `the variable KEYBUZZ_${password.key}`,
    `unset KEYBUZZ_${password.key} to keep the live value, or give the new one in this run: --answers FILE`,
  ],
] as const) {
  test(`another ${key} than the live one is named where it is: ${from}`, () => {
    const { resolved, ...rest } = judged({ [from]: { [key]: 'another-value-1' } })
    assert.throws(
      () => requireLive({ ...rest, live: { [key]: 'the-live-value-1' } }, resolved),
      (thrown: unknown) => {
        const {
          exitCode,
          details,
          hint: next,
        } = thrown as { exitCode: number; details: string[]; hint: string }
        assert.equal(exitCode, exitCodes.conflict)
        assert.match(details[0] ?? '', new RegExp(`^Another one is in ${place.replaceAll('.', '\\.')}\\. `))
        assert.equal(next, hint)
        assert.ok(!JSON.stringify(details).includes('-value-1'))
        return true
      },
    )
  })
}

test('an invalid value is named where it is: the file, the variable, or what was given to the run', () => {
  for (const [from, place] of [
    ['saved', 'credentials/dev/12_n8n.env'],
    ['variables', 'the variable KEYBUZZ_N8N_PORT'],
    ['overrides', '--set or the answers file'],
  ] as const) {
    const { resolved, ...rest } = judged({ [from]: { N8N_PORT: 'many' } })
    const given = resolved.filter(({ text }) => text !== undefined)
    assert.throws(
      () => requireValid({ ...rest, live: {} }, given, 'each'),
      (thrown: unknown) => {
        const { details } = thrown as { details: string[] }
        assert.equal(details[0], `N8N_PORT "many" must be a whole number   (${place})`)
        return true
      },
    )
  }
})
