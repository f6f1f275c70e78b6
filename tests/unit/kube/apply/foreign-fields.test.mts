import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { createWrites } from '../../../../lib/base/writes.mts'
import { ObjectModified } from '../../../../lib/kube/server-errors.mts'
import { setForeignFields } from '../../../../lib/kube/apply/foreign-fields.mts'
import type { Api } from '../../../../lib/kube/api.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import type { LiveObject, Manifest } from '../../../../lib/kube/types.mts'
import { fakeApi } from '../fake-api.mts'

// A stand-in of the API server that merges what is applied into one Service, as server-side apply does.

const wanted = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'kube-system', name: 'kube-dns' },
  spec: { trafficDistribution: 'PreferSameNode' },
} as Manifest

/** @param between what another client does, in turn, each after a comparison and before what is sent then */
function apiServer(
  spec: Record<string, unknown> | undefined,
  owner = 'deploy@master-01',
  between: (() => void)[] = [],
) {
  const sent: Manifest[] = []
  let version = 1
  const live = (now: object): LiveObject =>
    ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        namespace: 'kube-system',
        name: 'kube-dns',
        resourceVersion: String(version),
        labels: { 'k8s-app': 'kube-dns' },
        managedFields: [
          {
            manager: owner,
            operation: 'Update',
            fieldsV1: {
              'f:spec': Object.fromEntries(Object.keys(spec ?? {}).map((key) => [`f:${key}`, {}])),
            },
          },
        ],
      },
      spec: now,
    }) as unknown as LiveObject
  const apply: Api['apply'] = (manifest, { dryRun }) => {
    const one = manifest as Manifest & { spec: object }
    if (!dryRun) {
      const other = between.shift()
      if (other !== undefined) {
        other()
        version += 1
      }
      const { resourceVersion, ...metadata } = (one as unknown as LiveObject).metadata
      if (resourceVersion !== undefined && resourceVersion !== String(version))
        return Promise.reject(new ObjectModified(['the object has been modified']))
      sent.push({ ...one, metadata } as Manifest)
      Object.assign(spec ?? {}, one.spec)
      version += 1
    }
    return Promise.resolve(live({ ...spec, ...one.spec }))
  }
  const api = fakeApi(() => (spec === undefined ? [] : [live(spec)]), { apply })
  return { kubectl: { api } as unknown as Kubectl, sent }
}
const writer = (kubectl: Kubectl, planning = false, forceConflicts = false) => ({
  kubectl,
  writes: createWrites({ planning, guard: () => Promise.resolve() }),
  forceConflicts,
})

test('only the field is sent, without a label, and once: the object stays its owner’s', async () => {
  const { kubectl, sent } = apiServer({ clusterIP: '10.43.0.10' })
  await setForeignFields(writer(kubectl), [wanted])
  await setForeignFields(writer(kubectl), [wanted])
  assert.deepEqual(sent, [wanted])
})

test('a plan shows the field and sends nothing', async () => {
  const { kubectl, sent } = apiServer({ clusterIP: '10.43.0.10' })
  const planned = writer(kubectl, true)
  await setForeignFields(planned, [wanted])
  assert.deepEqual(
    planned.writes.changes.map(({ sign, what }) => `${sign} ${what}`),
    ['~ Service kube-system/kube-dns'],
  )
  assert.match(planned.writes.changes[0]?.fields?.join() ?? '', /trafficDistribution.*PreferSameNode/)
  assert.deepEqual(sent, [])
})

test('a value somebody else set is exit 5, and taken back with --force-conflicts', async () => {
  const { kubectl, sent } = apiServer({ trafficDistribution: 'PreferClose' }, 'kubectl-edit')
  await assert.rejects(
    setForeignFields(writer(kubectl), [wanted]),
    (thrown) => thrown instanceof KitError && thrown.exitCode === exitCodes.conflict,
  )
  assert.deepEqual(sent, [])
  await setForeignFields(writer(kubectl, false, true), [wanted])
  assert.equal(sent.length, 1)
})

test('a value somebody sets between comparison and sending is exit 5 too, and left as it is', async () => {
  const spec: Record<string, unknown> = { clusterIP: '10.43.0.10' }
  const { kubectl, sent } = apiServer(spec, 'kubectl-edit', [
    () => (spec['trafficDistribution'] = 'PreferClose'),
  ])
  await assert.rejects(setForeignFields(writer(kubectl), [wanted]), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.conflict)
    assert.match(thrown.details.join('\n'), /owned by kubectl-edit[^]*changed while this run was writing/)
    return true
  })
  assert.deepEqual(sent, [])
  assert.equal(spec['trafficDistribution'], 'PreferClose')
})

test('another field somebody sets meanwhile, such as the status, is no conflict: compared again, and sent', async () => {
  const spec: Record<string, unknown> = { clusterIP: '10.43.0.10' }
  const { kubectl, sent } = apiServer(spec, 'deploy@master-01', [
    () => (spec['internalTrafficPolicy'] = 'Cluster'),
    () => (spec['internalTrafficPolicy'] = 'Local'),
  ])
  await setForeignFields(writer(kubectl), [wanted])
  assert.deepEqual(sent, [wanted])
  const restless = apiServer(
    { ...spec, trafficDistribution: undefined },
    'deploy@master-01',
    Array.from({ length: 9 }, () => () => {}),
  )
  await assert.rejects(setForeignFields(writer(restless.kubectl), [wanted]), ObjectModified)
  assert.deepEqual(restless.sent, [])
})

test('an object that is not there is never made by a part of it', async () => {
  const { kubectl, sent } = apiServer(undefined)
  await assert.rejects(
    setForeignFields(writer(kubectl), [wanted]),
    (thrown) => thrown instanceof KitError && /does not exist/.test(thrown.message),
  )
  assert.deepEqual(sent, [])
})
