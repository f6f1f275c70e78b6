import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { exitCodes } from '../../../lib/base/errors.mts'
import { inEnvironment, systemNamespace } from '../../../lib/base/names.mts'
import { credentialsFolder } from '../../../lib/base/files.mts'
import { changedFiles, chooseEnvironment, savedSettings } from '../../../lib/settings/credentials.mts'
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

test('a setting that modules came to share is read from the module’s own file, goes to platform.env, and is that one from then on', (context) => {
  const env = 'shared-later-test'
  const folder = credentialsFolder(env)
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(folder, { recursive: true })
  const save = (name: string, text: string) => writeFileSync(`${folder}/${name}`, text, { mode: 0o600 })
  const address: Setting = { key: 'VAULT_ADDR', title: 'Address', kind: 'text' }
  const token: Setting = { key: 'TOKEN', title: 'Token', kind: 'sensitive', optional: true, transient: true }
  const authority: Setting = { key: 'VAULT_CA', title: 'CA', kind: 'file' }
  const url: Setting = { key: 'URL', title: 'URL', kind: 'text' }
  const module = {
    number: 14,
    slug: 'vault',
    title: 'Vault',
    shared: [address, authority, token],
    settings: [url],
  }
  save('14_vault.env', "VAULT_ADDR='old'\nURL='its own'\nTOKEN='of the operator'\n")
  save('14_vault.vault.ca', 'the CA')
  const saved = savedSettings(env, module)
  assert.deepEqual(saved, { VAULT_ADDR: 'old', URL: 'its own', TOKEN: 'of the operator', VAULT_CA: 'the CA' })
  const resolved = [address, authority, token, url].map((setting) => {
    return { setting, text: savedSettings(env, module)[setting.key], origin: 'saved' as const }
  })
  const changed = changedFiles(env, module, resolved)
  assert.deepEqual(Object.fromEntries(changed), {
    [`${folder}/platform.vault.ca`]: 'the CA',
    [`${folder}/platform.env`]: "VAULT_ADDR='old'\n",
    [`${folder}/14_vault.env`]: "URL='its own'\nTOKEN='of the operator'\n",
  })
  save('platform.env', "VAULT_ADDR='new'\nURL='of another'\n")
  assert.throws(() => savedSettings(env, module), {
    exitCode: exitCodes.usage,
    message: 'VAULT_ADDR: two files have different values',
    hint: /into credentials\/shared-later-test\/platform\.env, and take its line out of .*14_vault\.env$/,
  })
  save('14_vault.env', "URL='its own'\nTOKEN='of the operator'\n")
  save('platform.vault.ca', 'the next CA')
  assert.deepEqual(savedSettings(env, module), {
    VAULT_ADDR: 'new',
    URL: 'its own',
    TOKEN: 'of the operator',
    VAULT_CA: 'the next CA',
  })
})
