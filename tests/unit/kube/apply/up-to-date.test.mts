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
  [
    'a set of plain values, which has no keys to compare by',
    live({
      fields: { ...owned, 'f:spec': { ...owned['f:spec'], 'f:externalIPs': { 'v:"192.0.2.1"': {} } } },
    }),
  ],
] as [string, LiveObject | undefined, Manifest?][])
  test(`the server must be asked about ${what}`, () => {
    assert.equal(isUpToDate(manifest, found), false)
  })

test('two items under one key are not taken for one', () => {
  const twice = { ...wanted, spec: { ...wanted.spec, ports: [ports[0], { ...ports[0], name: 'again' }] } }
  assert.equal(isUpToDate(twice, live()), false)
})
