import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes } from '../../../lib/base/errors.mts'
import { inEnvironment, systemNamespace } from '../../../lib/base/names.mts'
import { changedFiles, chooseEnvironment } from '../../../lib/settings/credentials.mts'
import type { Setting } from '../../../lib/settings/settings.mts'
import { probeNamespace } from '../../../scripts/09_k3s/probes/probe.mts'

test('an environment whose namespaces would be the kit’s own is refused, whichever module is meant', () => {
  for (const namespace of [systemNamespace, probeNamespace]) {
    const env = namespace.replace('keybuzz-', '')
    assert.equal(inEnvironment('keybuzz', env, '-'), namespace)
    assert.throws(() => chooseEnvironment(env), { exitCode: exitCodes.usage, message: /own namespace/ })
  }
  assert.equal(chooseEnvironment('staging'), 'staging')
})

test('KEYBUZZ_ENV names the environment; empty it counts as unset, as every other variable', (context) => {
  context.after(() => delete process.env['KEYBUZZ_ENV'])
  process.env['KEYBUZZ_ENV'] = 'staging'
  assert.equal(chooseEnvironment(undefined), 'staging')
  assert.equal(chooseEnvironment('dev'), 'dev')
  process.env['KEYBUZZ_ENV'] = ''
  try {
    assert.notEqual(chooseEnvironment(undefined), '')
  } catch (thrown) {
    // This folder has not exactly one environment.
    assert.match(String(thrown), /which environment\?/)
  }
})

test('what a run was given for itself alone is written to no file', () => {
  const settings: readonly Setting[] = [
    { key: 'HOST', title: 'Host', kind: 'text' },
    { key: 'TOKEN', title: 'Token', kind: 'sensitive', optional: true, transient: true },
  ]
  const module = { number: 20, slug: 'shop', title: 'Shop', shared: [], settings }
  const resolved = settings.map((setting) => ({
    setting,
    text: `the-${setting.key}`,
    origin: 'variable' as const,
  }))
  const changed = [...changedFiles('no-such-environment', module, resolved).values()].join('')
  assert.match(changed, /HOST='the-HOST'/)
  assert.ok(!changed.includes('TOKEN'))
})
