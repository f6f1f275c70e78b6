import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWrites } from '../../../../lib/base/writes.mts'
import { createKube } from '../../../../lib/kube/apply/kube-session.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import { nameOf, type LiveObject } from '../../../../lib/kube/types.mts'

const labels = {
  'app.kubernetes.io/managed-by': 'keybuzz',
  'keybuzz.io/module': '12_n8n',
  'keybuzz.io/env': 'dev',
  'keybuzz.io/step': '01_deploy',
}
const object = (namespace: string, name: string): LiveObject =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name, labels } }) as unknown as LiveObject

test('only what a revision names is deleted; a restored backup with the same labels is left alone', async () => {
  const old = object('n8n-dev', 'old')
  const restored = object('n8n-restored', 'old')
  const writes = createWrites({ planning: true, guard: () => Promise.resolve() })
  const session = createKube({
    kubectl: {} as Kubectl,
    writes,
    owner: { module: '12_n8n', env: 'dev' },
    forceConflicts: false,
    failures: [],
    namespaces: [],
    objects: [old, restored],
    isRecorded: (live) => nameOf(live) === 'ConfigMap n8n-dev/old',
  })
  await session.prune()
  assert.deepEqual(
    writes.changes.map(({ sign, what }) => `${sign} ${what}`),
    ['- ConfigMap n8n-dev/old'],
  )
  assert.deepEqual((await session.recorded()).map(nameOf), ['ConfigMap n8n-dev/old'])
  assert.equal((await session.objects()).length, 2)
})
