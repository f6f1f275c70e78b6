import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Module, SettingsOf } from '../../../lib/run/module.mts'
import { requireNoShrinking } from '../../../lib/run/volumes.mts'
import type { Revision } from '../../../lib/state/revision.mts'
import { k3s } from '../../../scripts/09_k3s/module.mts'
import { historyClaim } from '../../../scripts/09_k3s/monitoring/names.mts'
import { llm } from '../../../scripts/15_llm/module.mts'
import { settingsOf } from '../scripts/rendered.mts'
import { revisionOf } from '../state/revisions.mts'

/** What the cluster has: the size a claim asks for and, where it differs, that of its volume. */
interface World {
  readonly asks?: string
  readonly has?: string
  readonly known?: readonly Revision[]
  readonly current?: Revision
}

const ask = (module: Module, settings: object, { asks, has = asks, known = [], current }: World) => {
  const claim = {
    spec: { resources: { requests: { storage: asks } } },
    ...(has === undefined ? {} : { status: { capacity: { storage: has } } }),
  }
  const asked: string[] = []
  const get = (...words: string[]) => {
    asked.push(words.join(' '))
    return Promise.resolve(asks === undefined ? undefined : claim)
  }
  const opened = { known, revisions: { current }, kube: { reader: { get } } }
  return requireNoShrinking({ module, env: 'staging', opened } as never, settings as SettingsOf<Module>).then(
    () => asked,
  )
}

const qdrant = (size: string) => settingsOf(llm, { QDRANT_STORAGE: size })
const history = (gib: string) => settingsOf(k3s, { MONITORING: 'true', MONITORING_GIB: gib })

test('a smaller volume of Qdrant is refused with its setting and both sizes: exit 5, and the size that is there', async () => {
  await assert.rejects(ask(llm, qdrant('5Gi'), { asks: '10Gi' }), {
    exitCode: 5,
    message:
      'QDRANT_STORAGE says 5Gi, its volume claim llm-staging/qdrant-storage is 10Gi: volumes do not shrink',
    details: ['Nothing was written.'],
    hint: './00_master_install.mjs --module 15 --env staging --set QDRANT_STORAGE=10Gi',
  })
})

test('a smaller history of the monitoring is refused the same way, with its other way out', async () => {
  await assert.rejects(ask(k3s, history('10'), { asks: '20Gi' }), {
    exitCode: 5,
    message: `MONITORING_GIB says 10Gi, its volume claim monitoring/${historyClaim} is 20Gi: volumes do not shrink`,
    hint: /^\S+ --module 9 --env staging --set MONITORING_GIB=20; or give the history up: --set MONITORING=false/,
  })
})

for (const [what, module, settings, world] of [
  ['a volume of the same size', llm, qdrant('10Gi'), { asks: '10Gi' }],
  ['one that grows', llm, qdrant('20Gi'), { asks: '10Gi' }],
  ['one that is larger than its claim asks for', llm, qdrant('10Gi'), { asks: '10Gi', has: '50Gi' }],
  ['one that could not grow so far', llm, qdrant('20Gi'), { asks: '100Gi', has: '10Gi' }],
  ['one in another unit', llm, qdrant('10Gi'), { asks: '10240Mi' }],
  ['one of a form that cannot be compared', llm, qdrant('10Gi'), { asks: '10GiB' }],
  ['a volume that is not there', llm, qdrant('5Gi'), {}],
  ['a history in another unit', k3s, history('489'), { asks: '500000Mi' }],
] as const)
  test(`${what} is no reason to stop`, async () => {
    assert.equal((await ask(module, settings, world)).length, 1)
  })

test('what a claim asks for in another unit is compared too', async () => {
  await assert.rejects(ask(k3s, history('480'), { asks: '500000Mi' }), { hint: /--set MONITORING_GIB=489;/ })
  await assert.rejects(ask(llm, qdrant('10Gi'), { asks: '20G' }), { hint: /--set QDRANT_STORAGE=19Gi$/ })
  await assert.rejects(ask(llm, qdrant('10Gi'), { asks: '1e12' }), { hint: /--set QDRANT_STORAGE=932Gi$/ })
})

test('a volume is not asked for where the module has none, or is another environment’s or an adopted one', async () => {
  const small = { asks: '20Gi' }
  const none = settingsOf(llm, { VECTOR_STORE_URL: 'https://vectors.example.com' })
  assert.deepEqual(await ask(llm, none, small), [])
  assert.deepEqual(await ask(k3s, settingsOf(k3s, { MONITORING: 'false' }), small), [])
  const known = [revisionOf({ module: '09_k3s', env: 'prod' })]
  assert.deepEqual(await ask(k3s, history('10'), { ...small, known }), [])
  const current = revisionOf({ module: '09_k3s', env: 'staging', state: 'adopted' })
  assert.deepEqual(await ask(k3s, history('10'), { ...small, current }), [])
})
