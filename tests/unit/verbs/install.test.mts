import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameOf, type Manifest } from '../../../lib/kube/types.mts'
import { configMap } from '../../../lib/kube/manifests/objects.mts'
import { owned } from '../../../lib/kube/apply/ownership.mts'
import type { Session } from '../../../lib/run/session.mts'
import type { Step } from '../../../lib/run/step.mts'
import { install } from '../../../lib/verbs/install.mts'

const declared = [configMap('shop', 'one', {}), configMap('shop', 'two', {})]

/** A run on a cluster that records what is applied and pruned. */
function runOf() {
  const manifests: Manifest[] = []
  const pruned: string[] = []
  const owner = { module: '20_shop', step: '01_deploy', env: 'dev' }
  const kube = {
    of: () => ({
      apply: (wanted: Manifest[]) =>
        Promise.resolve(manifests.push(...wanted.map((one) => owned(one, owner)))),
    }),
    manifests,
    get seenTo() {
      return new Set(manifests.map(nameOf))
    },
    objects: () => Promise.resolve([]),
    planAhead: () => Promise.resolve([]),
    prune: (step: string) => Promise.resolve(pruned.push(step)),
  }
  const revisions = { expect: () => {}, applied: () => Promise.resolve(), images: {} }
  const module = {
    number: 20,
    slug: 'shop',
    title: 'Shop',
    scope: 'environment',
    images: [],
    objects: () => ({ '01_deploy': declared }),
  }
  const session = {
    module,
    env: 'dev',
    options: { plan: false },
    inputs: { current: () => ({ ENV: 'dev' }) },
    chosen: () => ({ images: {}, newer: [] }),
    versions: {},
    writes: { planning: false, changes: [] },
    reporter: { reporter: {}, warnings: [] },
    opened: { kube, revisions, known: [] },
    requireOpened: () => ({ kube, revisions }),
  }
  return { session: session as unknown as Session<never>, module, pruned }
}

const stepOf = (
  module: unknown,
  wanted: readonly Manifest[],
  kind: Step['kind'] = 'apply',
  id = '01_deploy',
): Step<never> =>
  ({
    module,
    kind,
    name: `20_shop_${id}`,
    id,
    title: '',
    run: ({ kube }: { kube: { apply: (objects: readonly Manifest[]) => Promise<void> } }) =>
      kube.apply(wanted),
  }) as unknown as Step<never>

test('a step that applies all it declares is pruned behind', async () => {
  const { session, module, pruned } = runOf()
  await install(session, [stepOf(module, declared)])
  assert.deepEqual(pruned, ['01_deploy'])
})

test('a step that forgets an object it declares ends the run before that object is pruned', async () => {
  const { session, module, pruned } = runOf()
  await assert.rejects(
    install(session, [stepOf(module, declared.slice(0, 1))]),
    /20_shop_01_deploy declares and does not apply: ConfigMap shop\/two/,
  )
  assert.deepEqual(pruned, [])
})

test('strays are named behind the tests too, as --verify alone runs them; behind the credentials nothing is read', async () => {
  const { session, module, pruned } = runOf()
  await install(session, [stepOf(module, [], 'credentials', '00_setup_credentials')])
  assert.deepEqual(pruned, [])
  await install(session, [stepOf(module, [], 'tests', '03_tests')])
  assert.deepEqual(pruned, ['03_tests'])
})
