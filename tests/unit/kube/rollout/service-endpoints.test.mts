import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LiveObject } from '../../../../lib/kube/types.mts'
import { endpointLag } from '../../../../lib/kube/rollout/service-endpoints.mts'

// Waited for on the real cluster in tests/practice/waits.bats; here is what counts as a lag.

const labels = { app: 'n8n', part: 'main' }

const object = (kind: string, name: string, more: object = {}): LiveObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name },
  ...more,
})

const deployment = object('Deployment', 'n8n', { spec: { template: { metadata: { labels } } } })
const service = (spec: object = {}) => object('Service', 'n8n', { spec: { selector: labels, ...spec } })

const pod = (
  name: string,
  { ready = true, ...metadata }: { ready?: boolean; deletionTimestamp?: string } = {},
) =>
  object('Pod', name, {
    metadata: { name, labels, ...metadata },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  })

const slice = (...endpoints: object[]) =>
  object('EndpointSlice', 'n8n-x', {
    metadata: { name: 'n8n-x', labels: { 'kubernetes.io/service-name': 'n8n' } },
    endpoints,
  })
const endpoint = (name: string, ready = true) => ({ conditions: { ready }, targetRef: { kind: 'Pod', name } })

const lag = (...found: LiveObject[]) => endpointLag([deployment, ...found], ['n8n'])

test('a ready pod that no slice lists, or lists as not ready, gets no visitors yet', () => {
  const unlisted = 'service/n8n does not send to a yet'
  assert.equal(lag(service(), pod('a')), unlisted)
  assert.equal(lag(service(), pod('a'), slice()), unlisted)
  assert.equal(lag(service(), pod('a'), slice(endpoint('a', false))), unlisted)
  assert.equal(lag(service(), pod('a'), slice(endpoint('b'))), unlisted)
  assert.equal(lag(service(), pod('a'), pod('b'), slice(endpoint('b'), endpoint('a'))), '')
})

test('a pod that is gone, ending or not ready must not be sent to any more', () => {
  const stale = 'service/n8n still sends to b, which is not ready'
  const listed = slice(endpoint('a'), endpoint('b'))
  assert.equal(lag(service(), pod('a'), listed), stale)
  assert.equal(lag(service(), pod('a'), pod('b', { ready: false }), listed), stale)
  assert.equal(
    lag(service(), pod('a'), pod('b', { deletionTimestamp: '2026-11-27T12:00:00Z' }), listed),
    stale,
  )
  assert.equal(lag(service(), pod('a'), slice(endpoint('a'), endpoint('b', false))), '')
})

test('Services of other pods, without pods of their own, or that send to pods not ready on purpose, are nobody’s wait', () => {
  assert.equal(lag(service({ selector: { app: 'n8n', part: 'webhook' } }), pod('a')), '')
  assert.equal(lag(service({ selector: undefined }), pod('a')), '')
  assert.equal(lag(service({ publishNotReadyAddresses: true }), pod('a')), '')
  assert.equal(endpointLag([deployment, service(), pod('a')], ['another']), '')
})
