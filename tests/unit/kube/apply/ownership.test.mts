import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createOurObjects, prunableKinds } from '../../../../lib/kube/apply/ownership.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import { readRecords } from '../../../../lib/state/revision-store.mts'
import { fakeApi } from '../fake-api.mts'

/** A kubectl that finds nothing, and keeps the kinds it was asked for. */
function counting(): { kubectl: Kubectl; kinds: string[][] } {
  const kinds: string[][] = []
  const api = fakeApi((asked) => {
    if (asked.kinds !== 'leases.coordination.k8s.io') kinds.push(asked.kinds.split(','))
    return []
  })
  return { kubectl: { api } as Kubectl, kinds }
}
const own = ['roles.rbac.authorization.k8s.io']

test('kinds of one module are read with those of every module, at the start and again', async () => {
  const { kubectl, kinds } = counting()
  await readRecords(kubectl, own)
  const ours = createOurObjects(kubectl, { module: '20_shop', env: 'dev' }, [], own)
  ours.invalidate()
  await ours.find()
  const everyModules = kinds.filter((asked) => asked.includes(prunableKinds[0]))
  assert.equal(everyModules.length, 2)
  for (const asked of everyModules) for (const kind of prunableKinds) assert.ok(asked.includes(kind), kind)
  assert.deepEqual(
    kinds.filter((asked) => !everyModules.includes(asked)),
    [own, own],
  )
})

test('a module without such kinds asks for none of them', async () => {
  const { kubectl, kinds } = counting()
  await readRecords(kubectl)
  const ours = createOurObjects(kubectl, { module: '20_shop', env: 'dev' }, [])
  ours.invalidate()
  await ours.find()
  for (const asked of kinds) assert.ok(!asked.some((kind) => kind.includes('rbac')))
})
