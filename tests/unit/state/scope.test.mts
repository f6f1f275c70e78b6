import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KitError } from '../../../lib/base/errors.mts'
import { foreignOwner, requireOwner } from '../../../lib/state/scope.mts'
import type { Revision } from '../../../lib/state/revision.mts'
import { k3s } from '../../../scripts/09_k3s/module.mts'
import { n8n } from '../../../scripts/12_n8n/module.mts'
import { revisionOf } from './revisions.mts'

const revision = (module: string, env: string, state: Revision['state'], number = 1): Revision =>
  revisionOf({ number, module, env, state, who: 'ops@admin', when: '2026-11-26T12:00:00Z' })

test('a cluster module acts from the environment it was installed from; others are told which', () => {
  const known = [revision('09_k3s', 'blue', 'validated')]
  assert.equal(foreignOwner({ module: k3s, env: 'blue', known }), undefined)
  assert.equal(foreignOwner({ module: k3s, env: 'green', known }), 'blue')
  assert.throws(
    () => requireOwner({ module: k3s, env: 'green', known }),
    (thrown: unknown) => thrown instanceof KitError && thrown.exitCode === 5 && /blue/.test(thrown.message),
  )
})

test('a run that was killed owns the cluster as well: another environment does not go on with it', () => {
  const known = [revision('09_k3s', 'blue', 'validated'), revision('09_k3s', 'blue', 'pending', 2)]
  assert.equal(foreignOwner({ module: k3s, env: 'green', known }), 'blue')
})

test('nobody owns a cluster that was only found good, nor one that was uninstalled', () => {
  const known = [
    revision('09_k3s', 'blue', 'adopted'),
    revision('09_k3s', 'red', 'validated'),
    revision('09_k3s', 'red', 'uninstalled', 2),
  ]
  assert.equal(foreignOwner({ module: k3s, env: 'green', known }), undefined)
})

test('a module of an environment is each environment’s own', () => {
  const known = [revision('12_n8n', 'blue', 'validated')]
  assert.equal(foreignOwner({ module: n8n, env: 'green', known }), undefined)
})
