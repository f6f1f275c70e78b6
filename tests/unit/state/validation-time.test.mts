import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import type { Manifest } from '../../../lib/kube/types.mts'
import { recordValidation, validationLease } from '../../../lib/state/validation-time.mts'
import { fakeApi } from '../kube/fake-api.mts'

test('when a module passed is a Lease of its own, in the form of a MicroTime, and never the lock', async () => {
  const sent: Manifest[] = []
  const api = fakeApi(() => [], {
    apply: (manifest) => {
      sent.push(manifest)
      return Promise.resolve(manifest as never)
    },
  })
  await recordValidation({ api } as Kubectl, '12_n8n', 'Staging_2')
  const [lease] = sent as [Manifest & { spec: { renewTime: string } }]
  assert.deepEqual(lease.metadata, { namespace: 'keybuzz-system', name: 'validated-12-n8n-staging-2' })
  assert.match(lease.spec.renewTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  assert.ok(new RegExp(validationLease('.*')).test(lease.metadata?.name ?? ''))
  // Records are found by the label of the kit's objects.
  assert.ok(!('labels' in (lease.metadata ?? {})))
})
