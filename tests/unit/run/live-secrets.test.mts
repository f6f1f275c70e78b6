import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { liveSecrets, liveValues } from '../../../lib/run/live-secrets.mts'

const secret = (namespace: string, data: Record<string, string>, kind = 'Secret'): LiveObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: 'env', namespace },
  data: Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  ),
})
const space = (name: string, labels?: Record<string, string>): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, ...(labels === undefined ? {} : { labels }) },
})
const ours = space('n8n', { 'app.kubernetes.io/managed-by': 'keybuzz' })

test('values come from the Secrets in the namespaces of the kit, by setting key', () => {
  assert.deepEqual(liveSecrets([secret('n8n', { KEY: 'é$\n', OTHER: '' })], [ours]), {
    KEY: 'é$\n',
    OTHER: '',
  })
})

test('a Secret that was laid into another namespace gives nothing, whatever its labels say', () => {
  const spaces = [ours, space('default'), space('shop', { 'app.kubernetes.io/managed-by': 'Helm' })]
  const planted = [
    secret('default', { KEY: 'planted' }),
    secret('shop', { KEY: 'planted' }),
    secret('gone', { KEY: 'x' }),
  ]
  assert.deepEqual(liveSecrets([secret('n8n', { KEY: 'real' }), ...planted], spaces), { KEY: 'real' })
  assert.deepEqual(liveSecrets(planted, spaces), {})
})

test('other objects are no secrets', () => {
  assert.deepEqual(liveSecrets([secret('n8n', { KEY: 'plain' }, 'ConfigMap')], [ours]), {})
})

test('each value is known with the time its Secret was created', () => {
  const when = '2026-11-23T10:00:00Z'
  const dated = secret('n8n', { KEY: 'real' })
  const found = liveValues(
    [{ ...dated, metadata: { ...dated.metadata, creationTimestamp: when } }, secret('n8n', { OTHER: 'x' })],
    [ours],
  )
  assert.deepEqual(found, { values: { KEY: 'real', OTHER: 'x' }, since: { KEY: when } })
})
