import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cancelled, exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { jobError } from '../../../../lib/kube/rollout/job-wait.mts'
import { ensureJob } from '../../../../lib/kube/rollout/job.mts'
import { job, jobState } from '../../../../lib/kube/manifests/jobs.mts'
import { nameOf, type LiveObject } from '../../../../lib/kube/types.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import { container, podDefaults } from '../../../../lib/kube/manifests/pods.mts'
import { createWrites } from '../../../../lib/base/writes.mts'
import { added, fakeApi, watchOf, type Asked } from '../fake-api.mts'

const make = (image: string, inputs: unknown = 'one') =>
  job({
    namespace: 'a',
    name: 'prepare',
    application: 'chatwoot',
    pod: podDefaults({
      labels: {},
      user: 1000,
      graceSeconds: 30,
      scratch: {},
      containers: [container({ name: 'prepare', image })],
    }),
    inputs,
    deadlineSeconds: 600,
  })

type State = 'active' | 'complete' | 'failed'
const conditions = { active: undefined, complete: 'Complete', failed: 'Failed' } as const

function live(of: ReturnType<typeof make>, state: State): LiveObject {
  const type = conditions[state]
  const status =
    type === undefined
      ? { active: 1 }
      : { conditions: [{ type, status: 'True', reason: 'BackoffLimitExceeded' }] }
  return { ...of, status } as unknown as LiveObject
}

/** A Job none of whose pods runs yet. */
const idle = (of: ReturnType<typeof make>): LiveObject =>
  ({ ...of, status: { active: 1, ready: 0 } }) as unknown as LiveObject

const createdAt = (one: LiveObject, hour: number): LiveObject => ({
  ...one,
  metadata: { ...one.metadata, creationTimestamp: `2026-11-29T${hour}:00:00Z` },
})

/** A cluster that holds Jobs; one that is made or watched ends as `end` says, or its pod waits for `reason`. */
function cluster(
  held: readonly LiveObject[],
  {
    end = 'complete',
    reason = '',
    planning = false,
    listing = 'works',
  }: { end?: State; reason?: string; planning?: boolean; listing?: 'works' | 'fails' } = {},
) {
  const did: string[] = []
  /** The Job made last, while it does not begin. */
  let waiting: LiveObject | undefined
  const seen = { 'jobs.batch': '', pods: '' }
  const pod = (owner: string) => ({
    kind: 'Pod',
    metadata: { name: `${owner}-x`, labels: { 'batch.kubernetes.io/job-name': owner } },
    spec: { containers: [{ name: 'prepare' }] },
    status: { containerStatuses: [{ name: 'prepare', restartCount: 0, state: { waiting: { reason } } }] },
  })
  const show = (one: LiveObject) => {
    const { name } = one.metadata
    seen['jobs.batch'] = added(one)
    seen.pods = reason === '' ? '' : added(pod(name))
  }
  for (const one of held) show({ ...one, ...(jobState(one) === 'active' ? live(one as never, end) : {}) })
  const answer = ({ verb, kinds, name }: Asked) => {
    if (kinds === 'pods') return listing === 'works' ? [pod('job')] : Promise.reject(new Error('no answer'))
    // What was deleted is gone.
    return verb === 'get' && waiting?.metadata.name === name ? [waiting] : []
  }
  const api = fakeApi(answer, {
    watch: (kind, _namespace, signal) => Promise.resolve(watchOf(signal, seen[kind as keyof typeof seen])),
    raw: () => Promise.resolve('starting\nPG::UndefinedTable: relation\nended\n'),
    apply(sent) {
      did.push(`made ${sent.metadata?.name}`)
      show(live(sent as never, reason === '' ? end : 'active'))
      if (reason !== '') waiting = idle(sent as never)
      return Promise.resolve(sent as LiveObject)
    },
    remove: ({ metadata }) => Promise.resolve(did.push(`deleted ${metadata.name}`) > 0),
  })
  const kubectl = { api } as unknown as Kubectl
  const writes = createWrites({ planning, guard: () => Promise.resolve() })
  const ensure = (wanted: ReturnType<typeof make>) =>
    ensureJob(wanted, {
      kubectl,
      writes,
      failures: [{ line: /UndefinedTable/, meaning: 'A table is missing.', next: 'restore it' }],
      live: () => Promise.resolve(new Map(held.map((one) => [nameOf(one), one]))),
    })
  return { did, writes, ensure }
}

test('a Job is named by its image and inputs: another one of either is another Job', () => {
  const names = [make('app:1'), make('app:2'), make('app:1', 'two')].map((one) => one.metadata?.name)
  assert.equal(new Set(names).size, 3)
  assert.match(names[0] ?? '', /^chatwoot-prepare-[0-9a-f]{10}$/)
  assert.equal(make('app:1').metadata?.name, names[0])
})

test('a Job that fails is not made again by Kubernetes, a pod a drain took away is', () => {
  const { spec } = make('app:1')
  assert.equal(spec?.backoffLimit, 0)
  assert.equal(spec?.template.spec?.restartPolicy, 'Never')
  assert.deepEqual(
    spec?.podFailurePolicy?.rules.map(({ action, onPodConditions }) => [action, onPodConditions?.[0]?.type]),
    [['Ignore', 'DisruptionTarget']],
  )
})

test('new: made, and watched to its end', async () => {
  const { did, ensure } = cluster([])
  await ensure(make('app:1'))
  assert.deepEqual(did, [`made ${make('app:1').metadata?.name}`])
})

test('complete: nothing is done', async () => {
  const { did, ensure, writes } = cluster([live(make('app:1'), 'complete')])
  await ensure(make('app:1'))
  assert.deepEqual([did, writes.changes], [[], []])
})

test('active, begun by a run that was killed: watched, not made again', async () => {
  const { did, ensure } = cluster([live(make('app:1'), 'active')])
  await ensure(make('app:1'))
  assert.deepEqual(did, [])
})

test('failed in an earlier run: deleted and made again, once', async () => {
  const wanted = make('app:1')
  const { did, ensure } = cluster([live(wanted, 'failed')])
  await ensure(wanted)
  assert.deepEqual(did, [`deleted ${wanted.metadata?.name}`, `made ${wanted.metadata?.name}`])
})

test('failed now: exit 9 with its last lines and the module’s word on them, and it is not tried again', async () => {
  const { did, ensure } = cluster([], { end: 'failed' })
  await assert.rejects(ensure(make('app:1')), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.rolloutFailed)
    assert.match(thrown.message, /^job\/chatwoot-prepare-\w+ failed$/)
    assert.match(thrown.details.join('\n'), /\| PG::UndefinedTable[^]*A table is missing\./)
    assert.equal(thrown.hint, 'restore it')
    return true
  })
  assert.equal(did.length, 1)
})

test('a Job that failed says so, with exit 9, also when its pods cannot be listed; an interruption ends the run', async () => {
  const of = (refusal: KitError) => {
    const api = fakeApi(() => Promise.reject(refusal))
    return jobError({ api } as unknown as Kubectl, live(make('app:1'), 'failed'), [])
  }
  const { exitCode, details } = await of(new KitError('away', { exitCode: exitCodes.unreachable }))
  assert.deepEqual([exitCode, details], [exitCodes.rolloutFailed, ['BackoffLimitExceeded']])
  await assert.rejects(of(new Cancelled()), Cancelled)
})

test('an image that cannot be pulled ends the wait at once', async () => {
  const { ensure } = cluster([], { reason: 'ErrImageNeverPull' })
  await assert.rejects(ensure(make('app:1')), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.match(thrown.message, /^job\/chatwoot-prepare-\w+ cannot start: /)
    return true
  })
})

test('an older Job that did the same goes when the newer one is done', async () => {
  const [older, newer] = [make('app:1'), make('app:2')]
  const { did, ensure } = cluster([live(older, 'complete')])
  await ensure(newer)
  assert.deepEqual(did, [`made ${newer.metadata?.name}`, `deleted ${older.metadata?.name}`])
})

test('settings that go there and back: a Job done before is made again when another came after it', async () => {
  const [there, back] = [make('app:1'), make('app:1', 'two')]
  for (const state of ['complete', 'failed'] as const) {
    const held = [createdAt(live(there, 'complete'), 10), createdAt(live(back, state), 11)]
    const { did, ensure } = cluster(held)
    await ensure(there)
    const [name, other] = [there.metadata?.name, back.metadata?.name]
    assert.deepEqual(did, [`deleted ${name}`, `made ${name}`, `deleted ${other}`])
  }
  const older = [createdAt(live(there, 'complete'), 11), createdAt(live(back, 'complete'), 10)]
  const { did, ensure } = cluster(older)
  await ensure(there)
  assert.deepEqual(did, [`deleted ${back.metadata?.name}`])
  const planned = cluster([createdAt(live(there, 'complete'), 10), createdAt(live(back, 'complete'), 11)], {
    planning: true,
  })
  await planned.ensure(there)
  assert.match(planned.writes.changes[0]?.fields?.[0] ?? '', /came after it/)
})

test('a Job of an earlier run that has not begun is deleted first: it would run after ours', async () => {
  const [there, back] = [make('app:1'), make('app:1', 'two')]
  const { did, ensure } = cluster([createdAt(live(there, 'complete'), 10), createdAt(idle(back), 11)])
  await ensure(there)
  const [name, other] = [there.metadata?.name, back.metadata?.name]
  assert.deepEqual(did, [`deleted ${other}`, `deleted ${name}`, `made ${name}`])
})

test('a Job whose pod is being deleted has begun: it may still run on a node that does not answer', async () => {
  const [there, back] = [make('app:1'), make('app:1', 'two')]
  const held = { ...back, status: { active: 1, ready: 0, terminating: 1 } } as unknown as LiveObject
  const { did, ensure } = cluster([held])
  await ensure(there)
  assert.equal(did[0], `made ${there.metadata?.name}`)
})

test('a run that gives up on a Job that has not begun does not leave it to run alone', async () => {
  const wanted = make('app:1')
  const { did, ensure } = cluster([], { reason: 'ErrImageNeverPull' })
  await assert.rejects(ensure(wanted), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.match(thrown.details.at(-1) ?? '', /The Job was deleted/)
    return true
  })
  assert.deepEqual(did, [`made ${wanted.metadata?.name}`, `deleted ${wanted.metadata?.name}`])
})

test('under --plan a Job is announced, and nothing is made, shown or waited for', async () => {
  const wanted = make('app:1')
  for (const [held, sign] of [
    [[], '+'],
    [[live(wanted, 'failed')], '~'],
  ] as const) {
    const { did, ensure, writes } = cluster(held, { planning: true })
    await ensure(wanted)
    assert.deepEqual(did, [])
    assert.deepEqual(
      writes.changes.map((change) => [change.sign, change.what]),
      [[sign, nameOf(wanted)]],
    )
  }
})
