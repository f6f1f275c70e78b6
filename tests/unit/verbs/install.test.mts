import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameOf, type Manifest } from '../../../lib/kube/types.mts'
import { configMap, namespace } from '../../../lib/kube/manifests/objects.mts'
import { owned } from '../../../lib/kube/apply/ownership.mts'
import { everyPod } from '../../../lib/kube/manifests/policies.mts'
import type { PolicyChoice } from '../../../lib/run/policies.mts'
import type { Session } from '../../../lib/run/session.mts'
import type { Step } from '../../../lib/run/step.mts'
import { install } from '../../../lib/verbs/install.mts'
import { revisionOf } from '../state/revisions.mts'

const declared = [configMap('shop', 'one', {}), configMap('shop', 'two', {})]

/** A run on a cluster that records what is applied and pruned. */
function runOf(
  policies: PolicyChoice = { off: 'nothing is proven here' },
  objects: readonly Manifest[] = declared,
  more: { readonly kube?: object; readonly module?: object } = {},
) {
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
  Object.assign(kube, more.kube)
  const revisions = { expect: () => {}, applied: () => Promise.resolve(), images: {} }
  const module = {
    number: 20,
    slug: 'shop',
    title: 'Shop',
    scope: 'environment',
    images: [],
    objects: () => ({ '01_deploy': objects }),
    flows: () => [{ from: 'nodes', to: everyPod, port: 8080 }],
    ...more.module,
  }
  const session = {
    module,
    env: 'dev',
    options: { plan: false },
    inputs: { current: () => ({ ENV: 'dev' }) },
    chosen: () => ({ images: {}, newer: [] }),
    versions: {},
    policies: () => policies,
    writes: { planning: false, changes: [] },
    reporter: { reporter: {}, warnings: [] },
    opened: { kube, revisions, known: [], look: { nodes: [], namespaces: [] } },
    requireOpened: () => ({ kube, revisions }),
  }
  return { session: session as unknown as Session<never>, module, pruned, manifests }
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

test('its NetworkPolicies are applied with the first batch of a step, behind the Namespace; none where none may be', async () => {
  const surroundings = { sources: ['10.42.0.0'], nodes: [], ranges: [], targets: [] }
  const [home, ...others] = [namespace('shop'), ...declared]
  const kindsAfter = async (choice: PolicyChoice) => {
    const { session, module, manifests } = runOf(choice, [home as Manifest, ...others])
    const step = stepOf(module, [])
    const run = async ({ kube }: { kube: { apply: (objects: readonly Manifest[]) => Promise<void> } }) => {
      await kube.apply([home as Manifest, ...others.slice(0, 1)])
      await kube.apply(others.slice(1))
    }
    await install(session, [{ ...step, run } as unknown as Step<never>])
    return manifests.map(({ kind, metadata }) => `${kind} ${metadata?.name?.replace(/-[0-9a-f]{8}$/, '')}`)
  }
  assert.deepEqual(await kindsAfter({ surroundings, proof: 'proven' }), [
    'Namespace shop',
    'NetworkPolicy flows-every-pod',
    'NetworkPolicy default-deny',
    'ConfigMap one',
    'ConfigMap two',
  ])
  // What a step does not apply, it prunes: the next run where nothing is proven any more deletes the policies.
  assert.deepEqual(await kindsAfter({ off: 'not enforced' }), [
    'Namespace shop',
    'ConfigMap one',
    'ConfigMap two',
  ])
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

test('settings that were lost since the last revision end a single step too, before it applies anything', async () => {
  const { session, module, pruned } = runOf()
  const lost = [{ setting: { key: 'SHOP_HOST' }, before: 'shop.example.com', now: undefined }]
  const current = { number: 4, madeWith: { values: {}, secrets: [] } }
  Object.assign(session, {
    answers: { canAsk: false },
    inputs: { current: () => ({ ENV: 'dev' }), lost: () => lost },
    module: { ...module, settings: [], shared: [] },
  })
  Object.assign(session.opened?.revisions ?? {}, { current })
  Object.assign(session.opened ?? {}, { look: { namespaces: [] } })
  let applied = 0
  const step = { ...stepOf(module, declared), run: () => Promise.resolve(void (applied += 1)) }
  await assert.rejects(install(session, [step]), { exitCode: 5, message: /that revision 4 was made with/ })
  assert.deepEqual([applied, pruned], [0, []])
})

test('an install says before its first step whose revision it changes, and which settings differ', async (context) => {
  const { session, module } = runOf()
  const seen: string[] = []
  context.mock.method(process.stderr, 'write', (text: string) => seen.push(text) > 0)
  const fields = [{ path: 'data.TZ', before: 'a', after: 'b' }]
  const change = { manifest: declared[0], comparison: { status: 'changed', fields } }
  Object.assign(session.inputs, {
    record: () => ({ values: { TIMEZONE: 'UTC' }, secrets: [] }),
    lost: () => [],
  })
  Object.assign(session.opened?.kube ?? {}, { planAhead: () => Promise.resolve([change]) })
  Object.assign(session.opened ?? {}, { look: { namespaces: [] } })
  Object.assign(session.opened?.revisions ?? {}, {
    current: revisionOf({
      who: 'marie@admin-2',
      madeWith: { values: { TIMEZONE: 'Europe/Paris' }, secrets: [] },
    }),
  })
  let before = ''
  const step = { ...stepOf(module, declared), run: () => Promise.resolve(void (before = seen.join(''))) }
  await assert.rejects(install(session, [step]))
  assert.match(before, /revision 1 was made by marie@admin-2[^]*TIMEZONE {3}'Europe\/Paris' -> 'UTC'/)
})

test('Secrets of a module that may use Vault are deleted after its last step, and only when no pod reads them', async () => {
  const secret = { kind: 'Secret', metadata: { name: 'shop', namespace: 'shop-dev' } }
  const reads = {
    metadata: { name: 'shop-1' },
    spec: { containers: [], volumes: [{ name: 'a', secret: { secretName: 'shop' } }] },
  }
  for (const [pods, wanted] of [
    [[], ['01_deploy: nothing', '02_more: nothing', '01_deploy: Secret', '02_more: Secret']],
    [[reads], ['01_deploy: nothing', '02_more: nothing']],
  ] as const) {
    const deleted: string[] = []
    const { session, module } = runOf(undefined, declared, {
      module: { secrets: () => ({}) },
      kube: {
        reader: { list: () => Promise.resolve(pods) },
        unwanted: () => Promise.resolve([secret]),
        prune: (step: string, isMeant: (live: object) => boolean) =>
          Promise.resolve(deleted.push(`${step}: ${isMeant(secret) ? 'Secret' : 'nothing'}`)),
      },
    })
    await install(session, [stepOf(module, declared), stepOf(module, [], 'apply', '02_more')])
    assert.deepEqual(deleted, wanted)
  }
})

test('until the service account of Vault is gone, plan and step leave the namespace its label for injection', async () => {
  const account = { kind: 'ServiceAccount', metadata: { name: 'shop', namespace: 'shop-dev' } }
  const objects = [namespace('shop-dev'), ...declared]
  const labelOf = ([first]: readonly Manifest[]) => first?.metadata?.labels?.['keybuzz.io/vault-injection']
  for (const [live, secrets, wanted] of [
    [[account], () => ({}), 'enabled'],
    [[], () => ({}), undefined],
    [[account], undefined, undefined],
    [[{ ...account, metadata: { ...account.metadata, namespace: 'shop-prod' } }], () => ({}), undefined],
  ] as const) {
    let planned: readonly Manifest[] = []
    const { session, module, manifests } = runOf(undefined, objects, {
      module: { secrets },
      kube: {
        objects: () => Promise.resolve(live),
        planAhead(batch: readonly Manifest[]) {
          planned = batch
          return Promise.resolve([])
        },
        unwanted: () => Promise.resolve([]),
      },
    })
    await install(session, [stepOf(module, objects)])
    assert.deepEqual([labelOf(planned), labelOf(manifests)], [wanted, wanted])
  }
})

test('a step alone refuses a volume that would become smaller, before it applies anything', async () => {
  const claim = { spec: { resources: { requests: { storage: '10Gi' } } } }
  const volume = { namespace: 'shop', claim: 'data', setting: 'SHOP_SIZE', size: '5Gi', textOf: String }
  const { session, module, manifests } = runOf(undefined, declared, {
    kube: { reader: { get: () => Promise.resolve(claim) } },
    module: { volumes: () => [volume] },
  })
  await assert.rejects(install(session, [stepOf(module, declared)]), {
    exitCode: 5,
    message: /^SHOP_SIZE says 5Gi/,
  })
  assert.deepEqual(manifests, [])
})
