import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FieldSet, LiveObject, Manifest } from '../../../../lib/kube/types.mts'
import { isUpToDate } from '../../../../lib/kube/apply/up-to-date.mts'

// Objects and managedFields as the practice cluster gives them after a server-side apply (Kubernetes 1.36).

const ports = [
  { name: 'http', port: 80 },
  { name: 'dns', port: 53, protocol: 'UDP' },
]
const wanted = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'n8n', namespace: 'n8n', labels: { app: 'n8n' } },
  spec: { selector: { app: 'n8n' }, ports, externalIPs: ['192.0.2.1'], externalName: undefined },
}

/** A port is known by its number and protocol, whether or not we wrote the protocol. */
const port = (key: string, ...fields: string[]): FieldSet => ({
  [`k:${key}`]: { '.': {}, ...Object.fromEntries(fields.map((field) => [`f:${field}`, {}])) },
})
const ownedPorts = {
  ...port('{"port":80,"protocol":"TCP"}', 'name', 'port'),
  ...port('{"port":53,"protocol":"UDP"}', 'name', 'port', 'protocol'),
}
const owned = {
  'f:metadata': { 'f:labels': { 'f:app': {} } },
  'f:spec': { 'f:selector': {}, 'f:ports': ownedPorts, 'f:externalIPs': {} },
}

/** As owned, with these values of a set. */
const inSet = (...values: string[]): FieldSet => ({
  ...owned,
  'f:spec': {
    ...owned['f:spec'],
    'f:externalIPs': Object.fromEntries(values.map((one) => [`v:"${one}"`, {}])),
  },
})

function live({
  fields = owned,
  spec = {},
  ...entry
}: { fields?: FieldSet; spec?: object; apiVersion?: string; manager?: string; operation?: 'Update' } = {}) {
  const ours = {
    manager: 'keybuzz',
    operation: 'Apply' as const,
    apiVersion: 'v1',
    fieldsV1: fields,
    ...entry,
  }
  const byServer = { clusterIP: '198.51.100.7', sessionAffinity: 'None' }
  const filledIn = ports.map((one) => ({ protocol: 'TCP', targetPort: one.port, ...one }))
  const metadata = {
    name: 'n8n',
    namespace: 'n8n',
    labels: { app: 'n8n', team: 'ops' },
    managedFields: [ours],
  }
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { ...wanted.spec, ...byServer, ports: filledIn, ...spec },
  } satisfies LiveObject
}

test('what is owned and has its value stands, whatever the server and others have added', () => {
  assert.equal(isUpToDate(wanted, live()), true)
})

for (const [what, found, manifest = wanted] of [
  ['an object that is not there', undefined],
  ['another value', live({ spec: { selector: { app: 'other' } } })],
  ['a value that is gone', live({ spec: { selector: undefined } })],
  [
    'another value in a list',
    live({ spec: { ports: [{ ...ports[0], name: 'web', protocol: 'TCP' }, ports[1]] } }),
  ],
  ['an item that is gone', live({ spec: { ports: [ports[1]] } })],
  ['a list that is one whole', live({ spec: { externalIPs: ['192.0.2.1', '192.0.2.2'] } })],
  [
    'a field we wrote once and want no more',
    live(),
    { ...wanted, spec: { selector: { app: 'n8n' }, ports } },
  ],
  [
    'an item we wrote once and want no more',
    live(),
    { ...wanted, spec: { ...wanted.spec, ports: ports.slice(1) } },
  ],
  ['a field we want and do not own', live(), { ...wanted, spec: { ...wanted.spec, type: 'ClusterIP' } }],
  ['a field somebody took from us', live({ fields: { ...owned, 'f:metadata': {} } })],
  ['an object the kit did not apply', live({ manager: 'kubectl' })],
  ['a part the kit has written without applying', live({ operation: 'Update' })],
  ['fields of another version of its kind', live({ apiVersion: 'v2' })],
  ['a set of plain values that lacks one', live({ fields: inSet('192.0.2.1', '192.0.2.2') })],
  ['a set of plain values that has another', live({ fields: inSet('192.0.2.2') })],
  [
    'a set of plain values of which one is gone',
    live({ fields: inSet('192.0.2.1'), spec: { externalIPs: [] } }),
  ],
] as [string, LiveObject | undefined, Manifest?][])
  test(`the server must be asked about ${what}`, () => {
    assert.equal(isUpToDate(manifest, found), false)
  })

test('two items under one key are not taken for one', () => {
  const twice = { ...wanted, spec: { ...wanted.spec, ports: [ports[0], { ...ports[0], name: 'again' }] } }
  assert.equal(isUpToDate(twice, live()), false)
})

test('a set of plain values is compared value by value, in whatever order', () => {
  const both = { ...wanted, spec: { ...wanted.spec, externalIPs: ['192.0.2.2', '192.0.2.1'] } }
  const now = live({
    fields: inSet('192.0.2.1', '192.0.2.2'),
    spec: { externalIPs: ['192.0.2.1', '192.0.2.2'] },
  })
  assert.equal(isUpToDate(both, now), true)
  const twice = { ...wanted, spec: { ...wanted.spec, externalIPs: ['192.0.2.1', '192.0.2.1'] } }
  assert.equal(isUpToDate(twice, now), false)
})

/** Whether a value that is owned as a whole stands, as the server has stored it; undefined: it has left it out. */
function stands(given: unknown, stored: unknown): boolean {
  const manifest = { ...wanted, spec: { ...wanted.spec, one: given } }
  const fields = { ...owned, 'f:spec': { ...owned['f:spec'], 'f:one': {} } }
  return isUpToDate(manifest, live({ fields, spec: { one: stored } }))
}

test('what the server leaves out or fills in of a value that is owned as a whole changes nothing', () => {
  for (const empty of [{}, false, 0, '']) assert.equal(stands(empty, undefined), true, JSON.stringify(empty))
  assert.equal(stands({ matchLabels: {} }, {}), true)
  assert.equal(stands([{ podSelector: { matchLabels: {} } }], [{ podSelector: {} }]), true)
  assert.equal(stands({ fieldPath: 'spec.nodeName' }, { apiVersion: 'v1', fieldPath: 'spec.nodeName' }), true)
  // As custom resources keep it.
  assert.equal(stands({ matchLabels: {} }, { matchLabels: {} }), true)
})

test('a value that is there, or another one, is not taken for what was left out', () => {
  for (const one of [true, 1, 'x', { a: {} }, [], null])
    assert.equal(stands(one, undefined), false, JSON.stringify(one))
  assert.equal(stands({}, { app: 'n8n' }), false)
  assert.equal(stands(false, true), false)
  assert.equal(stands([{ podSelector: {} }], [{}]), false)
  assert.equal(stands([{}], [{ podSelector: {} }]), false)
  assert.equal(stands({ matchLabels: { app: 'n8n' } }, {}), false)
  assert.equal(stands({ fieldPath: 'spec.nodeName' }, { apiVersion: 'v1', fieldPath: 'spec.hostIP' }), false)
})
