import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare } from '../../../../lib/kube/apply/diff.mts'
import type { LiveObject } from '../../../../lib/kube/types.mts'

const live = (spec: object, managedFields: LiveObject['metadata']['managedFields'] = []): LiveObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'n8n', namespace: 'n8n', resourceVersion: '1', generation: 1, uid: 'u', managedFields },
  spec,
})

const container = (image: string) => ({ template: { spec: { containers: [{ name: 'n8n', image }] } } })

test('an object that is not there is new', () => {
  assert.deepEqual(compare(undefined, live({})), { status: 'new', fields: [] })
})

test('what only the server writes is no change', () => {
  const after = live(container('a:1'))
  after.metadata.resourceVersion = '2'
  after.metadata.generation = 7
  after['status'] = { replicas: 3 }
  assert.equal(compare(live(container('a:1')), after).status, 'unchanged')
})

test('a changed field has its path, by the name of list items', () => {
  const { status, fields } = compare(live(container('a:1')), live(container('a:2')))
  assert.equal(status, 'changed')
  assert.deepEqual(fields, [
    { path: 'spec.template.spec.containers[n8n].image', before: 'a:1', after: 'a:2' },
  ])
})

test('items of a named list that change place are no change', () => {
  const one = live({
    env: [
      { name: 'A', value: '1' },
      { name: 'B', value: '2' },
    ],
  })
  const other = live({
    env: [
      { name: 'B', value: '2' },
      { name: 'A', value: '1' },
    ],
  })
  assert.equal(compare(one, other).status, 'unchanged')
})

test('a field another manager owns names its owner', () => {
  const byHand = {
    manager: 'kubectl-edit',
    operation: 'Update' as const,
    fieldsV1: {
      'f:spec': { 'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"n8n"}': { 'f:image': {} } } } } },
    },
  }
  const [field] = compare(live(container('a:1'), [byHand]), live(container('a:2'))).fields
  assert.equal(field?.owner, 'kubectl-edit')
})

test('a field we own too is nobody else’s', () => {
  const fieldsV1 = { 'f:spec': { 'f:replicas': {} } }
  const managers = [
    { manager: 'kubectl-edit', operation: 'Update' as const, fieldsV1 },
    { manager: 'keybuzz', operation: 'Apply' as const, fieldsV1 },
  ]
  assert.equal(compare(live({ replicas: 2 }, managers), live({ replicas: 1 })).fields[0]?.owner, undefined)
})

test('replicas the kit itself took to 0 for a Job are nobody else’s', () => {
  const fieldsV1 = { 'f:spec': { 'f:replicas': {} } }
  const paused = { manager: 'keybuzz-handover', operation: 'Apply' as const, fieldsV1 }
  assert.equal(compare(live({ replicas: 0 }, [paused]), live({ replicas: 1 })).fields[0]?.owner, undefined)
})

test('the status subresource’s manager owns no field of ours', () => {
  const kubelet = {
    manager: 'kubelet',
    operation: 'Update' as const,
    subresource: 'status',
    fieldsV1: { 'f:spec': {} },
  }
  assert.equal(compare(live({ replicas: 2 }, [kubelet]), live({ replicas: 1 })).fields[0]?.owner, undefined)
})

test('a number of pods set by kubectl scale is a hand edit', () => {
  const scaled = {
    manager: 'kubectl',
    operation: 'Update' as const,
    subresource: 'scale',
    fieldsV1: { 'f:spec': { 'f:replicas': {} } },
  }
  assert.equal(compare(live({ replicas: 2 }, [scaled]), live({ replicas: 1 })).fields[0]?.owner, 'kubectl')
})
