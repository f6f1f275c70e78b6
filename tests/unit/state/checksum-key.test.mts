import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { checksumKeyOf } from '../../../lib/state/checksum-key.mts'
import { readRecords } from '../../../lib/state/revision-store.mts'
import { fakeApi, type Asked } from '../kube/fake-api.mts'

/** A stand-in of an API server: it keeps what is applied, and counts its requests. */
function cluster() {
  const stored: LiveObject[] = []
  let requests = 0
  const answer = ({ kinds }: Asked) => {
    requests += 1
    return kinds.startsWith('leases') ? [] : stored
  }
  const api = fakeApi(answer, {
    apply(manifest) {
      requests += 1
      stored.push(manifest as LiveObject)
      return Promise.resolve(manifest as LiveObject)
    },
  })
  return { kubectl: { api } as unknown as Kubectl, stored, requests: () => requests }
}

test('a cluster has one key: made with the first write, and read with the records by every later run', async () => {
  const { kubectl, stored, requests } = cluster()
  const first = checksumKeyOf(kubectl, [])
  assert.equal(stored.length, 0, 'a plan writes none')
  await first.save()
  await first.save()
  assert.deepEqual(
    stored.map(({ kind, metadata: { namespace, name } }) => [kind, namespace, name]),
    [['Secret', 'keybuzz-system', 'checksum-key']],
  )
  const before = requests()
  const { objects } = await readRecords(kubectl)
  const read = requests() - before
  const second = checksumKeyOf(kubectl, objects)
  await second.save()
  assert.equal(requests() - before, read, 'no request of its own')
  assert.equal(second.value.reveal(), first.value.reveal())
})

test('a key planted in another namespace, or damaged by hand, is not used', async () => {
  const { kubectl, stored } = cluster()
  const secret = (namespace: string, key: string) =>
    ({
      kind: 'Secret',
      metadata: { namespace, name: 'checksum-key' },
      data: { key: btoa(key) },
    }) as unknown as LiveObject
  const planted = checksumKeyOf(kubectl, [secret('tenant', 'k'.repeat(64))])
  assert.notEqual(planted.value.reveal(), 'k'.repeat(64))
  await checksumKeyOf(kubectl, [secret('keybuzz-system', 'short')]).save()
  assert.equal(stored.length, 1)
})
