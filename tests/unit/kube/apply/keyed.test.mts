import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import { keyed } from '../../../../lib/kube/apply/keyed.mts'
import { checksumAnnotation } from '../../../../lib/kube/manifests/objects.mts'
import { deployment } from '../../../../lib/kube/manifests/pods.mts'
import { statefulSet } from '../../../../lib/kube/manifests/stateful.mts'
import { job } from '../../../../lib/kube/manifests/jobs.mts'
import { nameOf } from '../../../../lib/kube/types.mts'

const web = (password: string) =>
  deployment({ namespace: 'a', name: 'web', labels: {}, pod: { containers: [] }, restartOn: [password] })
const checksum = (one: ReturnType<typeof web>) =>
  one.spec?.template.metadata?.annotations?.[checksumAnnotation] ?? ''
const prepare = (password: string) =>
  job({
    namespace: 'a',
    name: 'prepare',
    application: 'shop',
    pod: { containers: [] },
    inputs: [password],
    deadlineSeconds: 60,
  })

const key = sensitive('the-key-of-this-cluster')
const another = sensitive('the-key-of-another-one')

test('who guesses a weak secret cannot compare: the checksum that is sent needs the key, and still tells a change', () => {
  const sent = checksum(keyed(web('weak'), key))
  assert.match(sent, /^hmac_[0-9a-f]{20}$/)
  assert.ok(!sent.includes(checksum(web('weak'))))
  assert.notEqual(sent, checksum(keyed(web('weak'), another)))
  assert.notEqual(sent, checksum(keyed(web('other'), key)))
  assert.equal(sent, checksum(keyed(web('weak'), key)), 'a second run sends nothing')
})

test('the checksum of a StatefulSet’s pods is keyed as well', () => {
  const one = statefulSet({
    namespace: 'a',
    name: 'db',
    labels: {},
    pod: { containers: [] },
    restartOn: ['weak'],
  })
  const value = keyed(one, key).spec?.template.metadata?.annotations?.[checksumAnnotation]
  assert.match(value ?? '', /^hmac_[0-9a-f]{20}$/)
})

test('a Job’s name is keyed too, and remains one that Kubernetes takes', () => {
  const name = nameOf(keyed(prepare('weak'), key))
  assert.match(name, /^Job a\/shop-prepare-[0-9a-f]{10}$/)
  assert.notEqual(name, nameOf(prepare('weak')))
  assert.notEqual(name, nameOf(keyed(prepare('weak'), another)))
})

test('a rollback sends a keyed checksum as it is, and one of an older kit keyed; other objects stay the same', () => {
  const sent = keyed(web('weak'), key)
  assert.deepEqual(keyed(sent, another), sent)
  const bare = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'coredns' } } as const
  assert.equal(keyed(bare, key), bare)
})

test('an offline plan, which has no key, shows neither', () => {
  assert.equal(checksum(keyed(web('weak'), undefined)), '***')
  assert.equal(nameOf(keyed(prepare('weak'), undefined)), 'Job a/shop-prepare-***')
})
