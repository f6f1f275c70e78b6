import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes } from '../../../lib/base/errors.mts'
import { inEnvironment, systemNamespace } from '../../../lib/base/names.mts'
import { chooseEnvironment } from '../../../lib/settings/credentials.mts'
import { probeNamespace } from '../../../scripts/09_k3s/probes/probe.mts'

test('an environment whose namespaces would be the kit’s own is refused, whichever module is meant', () => {
  for (const namespace of [systemNamespace, probeNamespace]) {
    const env = namespace.replace('keybuzz-', '')
    assert.equal(inEnvironment('keybuzz', env, '-'), namespace)
    assert.throws(() => chooseEnvironment(env), { exitCode: exitCodes.usage, message: /own namespace/ })
  }
  assert.equal(chooseEnvironment('staging'), 'staging')
})
