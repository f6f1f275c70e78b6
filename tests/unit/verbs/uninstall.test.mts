import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import { deletedText } from '../../../lib/kube/deletion-text.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import type { Session } from '../../../lib/run/session.mts'
import { uninstall } from '../../../lib/verbs/uninstall.mts'
import { watchesValidations } from '../../../lib/state/validation-time.mts'
import type { Revision } from '../../../lib/state/revision.mts'
import { fakeApi } from '../kube/fake-api.mts'
import { revisionOf } from '../state/revisions.mts'

const labels = { 'keybuzz.io/module': '20_shop', 'keybuzz.io/step': '01_deploy', 'keybuzz.io/env': 'dev' }
const object = (kind: string, metadata: Partial<LiveObject['metadata']> = {}): LiveObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: 'shop', namespace: 'shop-dev', uid: kind, labels, ...metadata },
})

/** What the last uninstall has done, in its order. */
const done: string[] = []

/** What an uninstall of these objects shows, and what it deletes; `taken` is how many it deletes: the others were gone before. */
async function shown(
  context: { mock: typeof import('node:test').mock },
  live: LiveObject[],
  plan: boolean,
  taken = 0,
  more: object = {},
  known: readonly Revision[] = [],
  current: Partial<Revision> = {},
  session: object = {},
) {
  let screen = ''
  context.mock.method(process.stderr, 'write', (text: string) => Boolean((screen += text)))
  let deleted = 0
  done.length = 0
  const remove = ({ kind, metadata: { name } }: { kind: string; metadata: { name: string } }) => {
    done.push(`delete ${kind} ${name}`)
    return Promise.resolve((deleted += 1) <= taken)
  }
  const kubectl = { api: fakeApi(() => [], { remove }) }
  const opened = {
    cluster: { kubectl },
    known,
    kube: {
      invalidate: () => {},
      recorded: () => Promise.resolve(live),
      sayStrays: () => Promise.resolve(),
      reader: {
        get: (kind: string, name: string, namespace: string) =>
          Promise.resolve(name === 'made' ? object(kind, { name, namespace, labels: {} }) : undefined),
      },
    },
    revisions: {
      current: revisionOf({ module: '20_shop', ...current }),
      all: [],
      uninstalled: () => Promise.resolve(void done.push('uninstalled')),
    },
  }
  await uninstall({
    module: {
      number: 20,
      slug: 'shop',
      title: 'Shop',
      scope: 'environment',
      settings: [],
      shared: [],
      ...more,
    },
    env: 'dev',
    options: { plan },
    answers: { confirm: ['shop'], yes: false, canAsk: false },
    writes: createWrites({ planning: plan, guard: () => Promise.resolve() }),
    repairs: createWrites({ planning: plan, guard: () => Promise.resolve(void done.push('guard')) }),
    inputs: {
      current: () => {
        throw new KitError('2 settings are missing for 20 Shop (dev)', { exitCode: exitCodes.usage })
      },
    },
    opened,
    requireOpened: () => opened,
    ...session,
  } as unknown as Session<never>)
  context.mock.restoreAll()
  return screen
}

test('an object that was being deleted before the uninstall began is named first, with its finalizers; --plan too', async (context) => {
  const ending = object('Secret', {
    deletionTimestamp: '2026-11-23T10:00:00Z',
    finalizers: ['foregroundDeletion', 'example.com/backup'],
  })
  for (const plan of [true, false]) {
    const screen = await shown(context as never, [object('Deployment'), ending], plan)
    assert.match(
      screen,
      /Secret shop-dev\/shop \(waits for its finalizers: example\.com\/backup\) is being deleted since 2026-11-23T10:00:00Z/,
    )
    assert.match(screen, /kubectl get secret shop --namespace shop-dev -o yaml/)
    assert.doesNotMatch(screen, /Deployment shop-dev\/shop .*is being deleted/)
  }
})

test('how many objects were deleted is what the API server has taken, not what was asked for', async (context) => {
  const live = [object('Deployment'), object('Service')]
  const both = await shown(context as never, live, false, 2)
  assert.match(both, /2 objects of 01_deploy: deleted/)
  assert.match(
    await shown(context as never, live, false, 1),
    /2 objects of 01_deploy: 1 deleted, 1 were gone before/,
  )
  assert.equal(deletedText(0, 8), '0 deleted, 8 were gone before')
})

test('what its pods made goes last, and is named before; where the module is not installed it is nobody’s', async (context) => {
  const made = (name: string) => ({ kind: 'Secret', namespace: 'shop-dev', name })
  const module = { madeByPods: [made('made'), made('gone')] }
  const live = [object('Secret'), object('Deployment')]
  const screen = await shown(context as never, live, false, 3, module)
  assert.deepEqual(done, [
    'delete Deployment shop',
    'delete Secret shop',
    'delete Secret made',
    'uninstalled',
  ])
  assert.match(screen, / {2}- Secret shop-dev\/made\n/)
  assert.match(screen, /1 objects that its pods made: deleted/)
  await shown(context as never, live, false, 2, module, [], { state: 'uninstalled' })
  assert.deepEqual(done.slice(0, 3), ['delete Deployment shop', 'delete Secret shop', 'uninstalled'])
})

test('the record of its validation goes before the revision does, where one may be; a plan deletes nothing', async (context) => {
  const watching = revisionOf({
    module: '09_k3s',
    manifests: [{ kind: 'A', metadata: { annotations: { [watchesValidations]: 'true' } } } as never],
  })
  const live = [object('Secret')]
  await shown(context as never, live, false, 2, {}, [watching])
  assert.deepEqual(done, ['delete Secret shop', 'guard', 'delete Lease validated-20-shop-dev', 'uninstalled'])
  await shown(context as never, live, false, 1)
  assert.deepEqual(done, ['delete Secret shop', 'uninstalled'])
  await shown(context as never, live, true, 0, {}, [watching])
  assert.deepEqual(done, [])
})

test('an uninstall whose settings file was lost ends well, and says that it cannot name what stays', async (context) => {
  const stays = { stays: () => assert.fail('without settings nothing can be named') }
  const screen = await shown(context as never, [object('Secret')], false, 1, stays)
  assert.match(screen, /Kept +what it has outside the cluster, which cannot be named: 2 settings are missing/)
})

test('a cluster that cannot be saved keeps every object and host; one that is saved ends object by object, hosts last', async (context) => {
  for (const [error, expected] of [
    [new KitError('no last snapshot', { exitCode: exitCodes.rolloutFailed }), ['save']],
    [undefined, ['save', 'delete Secret shop', 'uninstalled', 'destroy']],
  ] as const) {
    const teardown = {
      losses: () => Promise.resolve([]),
      saveCluster: () => (done.push('save'), error === undefined ? Promise.resolve() : Promise.reject(error)),
      destroyCluster: () => Promise.resolve(void done.push('destroy')),
    }
    const ended = shown(
      context as never,
      [object('Secret')],
      false,
      1,
      { machines: { teardown: () => Promise.resolve(teardown) } },
      [],
      {},
      {
        env: 'unit-uninstall',
        inputs: { current: () => ({}) },
        machines: () => ({ hosts: () => Promise.resolve({}) }),
        leaveCluster: () => Promise.resolve(),
      },
    )
    await (error === undefined ? ended : assert.rejects(ended, error))
    context.mock.restoreAll()
    assert.deepEqual(done, expected)
  }
})
