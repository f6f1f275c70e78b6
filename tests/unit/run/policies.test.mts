import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backendEndpoints } from '../../../lib/backends/endpoints.mts'
import { everyPod } from '../../../lib/kube/manifests/policies.mts'
import type { LiveObject, Manifest } from '../../../lib/kube/types.mts'
import { choosePolicies, policyLine, withoutUnproven } from '../../../lib/run/policies.mts'
import type { Settings } from '../../../lib/settings/settings.mts'
import { network, targetsOf } from '../../../lib/settings/platform-network.mts'
import { readClusterNetwork, systemRecord } from '../../../lib/state/cluster-network.mts'

const verdict = (enforced: string) => systemRecord('network-policies', { enforced, reason: '20 flows' })
const facts = (ingress = 'traefik') =>
  systemRecord('cluster', { pods: '10.42.0.0/16', services: '10.43.0.0/16', ingress })
const read = (...records: Manifest[]) => readClusterNetwork(records as LiveObject[])
const known = (...records: Manifest[]) => ({ network: read(...records), nodes: [] })
const withFlows = { flows: () => [{ from: everyPod, to: 'internet' } as const] }
const settings = (more: Record<string, string> = {}): Settings => ({ ENV: 'dev', ...more })

test('policies are for clusters where they were proven, and where it is known whence requests come', () => {
  assert.deepEqual(read(verdict('true'), facts()), {
    pods: '10.42.0.0/16',
    services: '10.43.0.0/16',
    proof: '20 flows',
  })
  for (const [records, reason] of [
    [[], /not proven/],
    [[facts()], /not proven/],
    [[verdict('false'), facts()], /does not enforce them: 20 flows/],
    [[verdict('true')], /range of its pods is not recorded/],
    [[verdict('true'), facts('existing')], /ingress controller is not the kit’s/],
  ] as const) {
    const found = read(...records)
    assert.ok('off' in found, reason.source)
    assert.match(found.off, reason)
  }
})

test('a ConfigMap of the same name elsewhere proves nothing', () => {
  const copy = { ...verdict('true'), metadata: { namespace: 'evil', name: 'network-policies' } }
  assert.equal('off' in read(copy, facts()), true)
})

test('the choice: flows, the setting, the proof, in this order', () => {
  const on = known(verdict('true'), facts())
  assert.deepEqual(choosePolicies({}, settings(), on), { off: 'this module declares no flows' })
  assert.deepEqual(choosePolicies(withFlows, settings({ NETWORK_POLICIES: 'off' }), on), {
    off: 'NETWORK_POLICIES is off',
  })
  assert.deepEqual(choosePolicies(withFlows, settings(), known()), {
    off: 'whether this cluster enforces them is not proven',
  })
  const chosen = choosePolicies(withFlows, settings({ PRIVATE_TARGETS: '10.0.9.0/24' }), on)
  assert.ok('surroundings' in chosen, 'chosen')
  assert.deepEqual(chosen.surroundings.targets, [{ range: '10.0.9.0/24' }])
  assert.ok(chosen.surroundings.sources.length > 0)
})

test('a rollback leaves the policies of flows out where none are applied now, and others in', () => {
  const kinds = (flows: object, choice: Parameters<typeof withoutUnproven>[2]) =>
    withoutUnproven(flows, [{ kind: 'NetworkPolicy' }, { kind: 'Service' }], choice).map(({ kind }) => kind)
  const surroundings = { sources: [], nodes: [], ranges: [], targets: [] }
  assert.deepEqual(kinds(withFlows, { off: 'not proven' }), ['Service'])
  assert.deepEqual(kinds(withFlows, { surroundings, proof: '' }), ['NetworkPolicy', 'Service'])
  assert.deepEqual(kinds({}, { off: 'this module declares no flows' }), ['NetworkPolicy', 'Service'])
})

test('the report says what is applied, why nothing is, and what the next install changes', () => {
  const on = { surroundings: { sources: [], nodes: [], ranges: [], targets: [] }, proof: '20 flows' }
  assert.match(policyLine({ off: 'not enforced' }, 0), /none are applied: not enforced\./)
  assert.match(
    policyLine({ off: 'not enforced' }, 3),
    /3 are applied, and not enforced: the next install deletes/,
  )
  assert.match(policyLine(on, 0), /none are applied yet: the next install applies/)
  assert.match(
    policyLine(on, 3),
    /3 are applied\. .* proven \(20 flows\); what each of these refuses was not tried/,
  )
})

test('PRIVATE_TARGETS: addresses and ranges, with or without a port; nothing else', () => {
  const { validate } = network[1]
  for (const right of ['10.0.9.0/24', '10.0.0.40:8443, 10.0.9.0/24:22', '192.0.2.1'])
    assert.equal(validate(right), undefined, right)
  for (const wrong of ['erp.example.com', '10.0.0.40:0', '10.0.0.0/33', '10.0.0.40:http', '2001:db8::1'])
    assert.notEqual(validate(wrong), undefined, wrong)
  assert.deepEqual(targetsOf('10.0.0.40:8443, 10.0.9.0/24'), [
    { range: '10.0.0.40', port: 8443 },
    { range: '10.0.9.0/24' },
  ])
  assert.deepEqual(targetsOf(undefined), [])
})

test('the endpoints of backends: only those a module needs, with the port of their URL', () => {
  const hosts = settings({
    POSTGRES_HOST: '10.0.0.10',
    POSTGRES_PORT: '5432',
    S3_ENDPOINT: 'https://s3.example.com',
  })
  assert.deepEqual(backendEndpoints({}, hosts), [])
  assert.deepEqual(backendEndpoints({ postgres: {} as never, s3: 'bucket' }, hosts), [
    { host: '10.0.0.10', port: 5432 },
    { host: 's3.example.com', port: 443 },
  ])
  const portOf = (url: string) => backendEndpoints({ s3: 'b' }, settings({ S3_ENDPOINT: url }))[0]?.port
  assert.equal(portOf('http://10.0.0.13'), 80)
  assert.equal(portOf('http://10.0.0.13:9000/'), 9000)
})
