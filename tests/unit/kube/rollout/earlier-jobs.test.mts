import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cancelled, exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { createWrites } from '../../../../lib/base/writes.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import { letEnd } from '../../../../lib/kube/rollout/earlier-jobs.mts'
import type { Job, LiveObject } from '../../../../lib/kube/types.mts'
import { added, fakeApi, watchOf } from '../fake-api.mts'

// A Job of an earlier run that is still there when another with its task is to start.

const metadata = { name: 'prepare-1', namespace: 'a', uid: '1' }
/** @param deadline seconds; -60 and less have passed at once: 60 s are allowed beyond them */
const older = (status: object, deadline = 600): LiveObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata,
  spec: { activeDeadlineSeconds: deadline },
  status,
})
const notStarted = 'job/prepare-2 was not started: two Jobs with the same task must not run at once.'
const running = { active: 1, ready: 1 }
const failed = { conditions: [{ type: 'Failed', status: 'True' }] }
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'prepare-1-x',
    namespace: 'a',
    uid: '2',
    labels: { 'batch.kubernetes.io/job-name': 'prepare-1' },
    deletionTimestamp: new Date(0).toISOString(),
  },
  spec: { nodeName: 'k8s-2' },
  status: { phase: 'Running' },
}

/** A cluster whose watches show these events, and whose API server says `now` of the Job, and of its pod for `looks`. */
function cluster(events: { jobs: string; pods?: string }, now: LiveObject | undefined | Error, looks = 0) {
  const did: string[] = []
  const api = fakeApi(
    ({ verb, kinds }) => {
      if (verb === 'find') return looks-- > 0 ? [pod] : []
      if (kinds === 'pods') return [pod, { ...pod, status: { phase: 'Succeeded' } }]
      if (now instanceof Error) throw now
      return kinds === 'jobs.batch' && now !== undefined ? [now] : []
    },
    {
      watch: (kind, _namespace, signal) =>
        Promise.resolve(watchOf(signal, kind === 'pods' ? (events.pods ?? '') : events.jobs)),
      remove: ({ metadata: { name } }) => Promise.resolve(did.push(`deleted ${name}`) > 0),
      raw: () => Promise.resolve(''),
    },
  )
  const writes = createWrites({ planning: false, guard: () => Promise.resolve() })
  const next = { kind: 'Job', metadata: { name: 'prepare-2', namespace: 'a' } } as Job
  const end = (job: LiveObject) =>
    letEnd([job], next, { kubectl: { api } as unknown as Kubectl, writes, failures: [] })
  return { did, end, left: () => looks }
}

test('one that has failed has ended: the next may start', async () => {
  const { end, did } = cluster({ jobs: added(older(failed)) }, older(failed))
  await end(older(running))
  assert.deepEqual(did, [])
})

test('one that still runs after its own time is up, not that of the next: exit 9, and the next is not started', async () => {
  const { end } = cluster({ jobs: added(older(running)) }, older(running))
  await assert.rejects(end(older(running, -60)), {
    exitCode: exitCodes.rolloutFailed,
    message: /^job\/prepare-1 did not end/,
    details: ['job/prepare-1 has no pod yet', notStarted],
  })
})

test('an API server that is away does not say whether it has ended: exit 6, and the next is not started', async () => {
  const away = new KitError('the API server cannot be reached', { exitCode: exitCodes.unreachable })
  const { end } = cluster({ jobs: added(older(running)), pods: added(pod) }, away)
  await assert.rejects(end(older(running)), {
    exitCode: exitCodes.unreachable,
    details: [notStarted],
  })
})

test('an interruption ends the run', async () => {
  const { end } = cluster({ jobs: added(older(running)), pods: added(pod) }, new Cancelled())
  await assert.rejects(end(older(running)), Cancelled)
})

test('one that somebody deleted has ended when its pods are gone', async () => {
  const deleted = `${JSON.stringify({ type: 'DELETED', object: older(running) })}\n`
  const { end, left } = cluster({ jobs: added(older(running)) + deleted }, undefined, 1)
  await end(older(running))
  assert.equal(left(), -1)
})

test('one whose pod can no longer begin is deleted, with all it owns, before the next starts', async () => {
  const idle = { active: 1, ready: 0 }
  const waiting = { name: 'prepare', restartCount: 0, state: { waiting: { reason: 'ErrImageNeverPull' } } }
  const stuck = {
    ...pod,
    metadata: { ...pod.metadata, deletionTimestamp: undefined },
    status: { containerStatuses: [waiting] },
  }
  const { end, did } = cluster({ jobs: added(older(idle)), pods: added(stuck) }, older(idle))
  await end(older(running))
  assert.deepEqual(did, ['deleted prepare-1'])
})
