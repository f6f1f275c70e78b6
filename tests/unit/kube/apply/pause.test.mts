import { keyed } from '../../../../lib/kube/apply/keyed.mts'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { createWrites } from '../../../../lib/base/writes.mts'
import { createKube } from '../../../../lib/kube/apply/kube-session.mts'
import { pauseDeployments } from '../../../../lib/kube/apply/pause.mts'
import type { Api } from '../../../../lib/kube/api.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import { job } from '../../../../lib/kube/manifests/jobs.mts'
import { autoscaled } from '../../../../lib/kube/manifests/objects.mts'
import { deployment as makeDeployment } from '../../../../lib/kube/manifests/pods.mts'
import { nameOf, type LiveObject, type Manifest } from '../../../../lib/kube/types.mts'
import { added, fakeApi, watchOf, type Asked } from '../fake-api.mts'

// Deployments that have no pod while a Job runs.

const labelsOf = (name: string) => ({ 'app.kubernetes.io/component': name })
/** In the order the kit writes them: the planner knows a manifest by its text. */
const owner = {
  'app.kubernetes.io/managed-by': 'keybuzz',
  'keybuzz.io/module': '13_superset',
  'keybuzz.io/step': '01_deploy',
  'keybuzz.io/env': 'dev',
}
const deployment = (name: string, replicas: number): LiveObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'a', labels: owner },
  spec: { replicas, selector: { matchLabels: labelsOf(name) } },
})
const pod = (name: string): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'a' },
})

/** A stand-in for a cluster whose pods of a Deployment at 0 are gone when they have been asked for `turns` times. */
function cluster(pods: Readonly<Record<string, number>>, turns = 1, job?: LiveObject) {
  const did: string[] = []
  const left = new Map(Object.entries(pods))
  let asked = 0
  const apply: Api['apply'] = (manifest, { manager }) => {
    const { kind, metadata, spec } = manifest as LiveObject
    did.push(`${manager} ${kind} ${metadata.name} ${(spec as { replicas?: number }).replicas ?? ''}`.trim())
    return Promise.resolve(manifest as LiveObject)
  }
  const answer = ({ kinds, selector = '' }: Asked) => {
    if (kinds !== 'pods') return job === undefined ? [] : [job]
    asked += 1
    const name = [...left.keys()].find((one) => selector.endsWith(`component=${one}`)) ?? ''
    const count = asked > turns * left.size ? 0 : (left.get(name) ?? 0)
    return Array.from({ length: count }, (_, at) => pod(`${name}-${at}`))
  }
  const kubectl = { api: fakeApi(answer, { apply }) }
  return { kubectl: kubectl as unknown as Kubectl, did }
}
const writesOf = (planning = false) => createWrites({ planning, guard: () => Promise.resolve() })

test('they go to 0 by the manager of replicas alone, and their pods are waited for', async () => {
  const { kubectl, did } = cluster({ beat: 1, worker: 2 }, 2)
  const writes = writesOf()
  await pauseDeployments([deployment('beat', 1), deployment('worker', 5)], { kubectl, writes })
  assert.deepEqual(did, ['keybuzz-handover Deployment beat 0', 'keybuzz-handover Deployment worker 0'])
  assert.deepEqual(
    writes.changes.map(({ what, fields }) => `${what} ${fields?.join()}`),
    [
      'Deployment a/beat spec.replicas   1 -> 0 until the Job is done',
      'Deployment a/worker spec.replicas   5 -> 0 until the Job is done',
    ],
  )
})

test('one that a killed run left at 0 is not sent again, but its last pods are waited for', async () => {
  const { kubectl, did } = cluster({ worker: 1 })
  const writes = writesOf()
  await pauseDeployments([deployment('worker', 0)], { kubectl, writes })
  assert.deepEqual([did, writes.changes], [[], []])
})

test('pods that do not end: exit 9 with their names, and the Job was not started', async () => {
  const { kubectl } = cluster({ worker: 1 }, 100)
  await assert.rejects(
    pauseDeployments([deployment('worker', 2)], { kubectl, writes: writesOf(), margin: 0.1 }),
    (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.equal(thrown.exitCode, exitCodes.rolloutFailed)
      assert.deepEqual(thrown.details, ['Pod a/worker-0', 'The Job was not started.'])
      return true
    },
  )
})

test('the grace period they declare is added to the time', async () => {
  const { kubectl } = cluster({ worker: 1 }, 100)
  const slow = deployment('worker', 2)
  const spec = { ...(slow['spec'] as object), template: { spec: { terminationGracePeriodSeconds: 0.3 } } }
  await assert.rejects(pauseDeployments([{ ...slow, spec }], { kubectl, writes: writesOf(), margin: 0.1 }), {
    message: 'deployment/worker: 1 pods have not ended after 0.4 s',
  })
})

test('pods whose node is off: told at once with the node and the way, and the Job was not started', async () => {
  const { kubectl } = cluster({ worker: 1 }, 100)
  const dead = {
    ...pod('worker-0'),
    metadata: { ...pod('worker-0').metadata, deletionTimestamp: new Date(0).toISOString() },
    spec: { nodeName: 'k8s-2' },
  }
  const node = { metadata: { name: 'k8s-2' }, status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }
  const api = fakeApi(({ kinds }) => [kinds === 'nodes' ? node : dead])
  await assert.rejects(
    pauseDeployments([deployment('worker', 0)], {
      kubectl: { ...kubectl, api } as unknown as Kubectl,
      writes: writesOf(),
      margin: 3,
    }),
    {
      exitCode: exitCodes.rolloutFailed,
      message: 'deployment/worker: a pod cannot end, its node does not answer',
      details: [
        'worker-0 on k8s-2: Node k8s-2 is not Ready: it has not said why',
        'The Job was not started.',
      ],
      hint: /kubectl delete node k8s-2/,
    },
  )
})

test('under --plan it is announced, and nothing is sent or waited for', async () => {
  const { kubectl, did } = cluster({ worker: 2 }, 100)
  const writes = writesOf(true)
  await pauseDeployments([deployment('worker', 2)], { kubectl, writes })
  assert.deepEqual(did, [])
  assert.equal(writes.changes.length, 1)
})

const checksumKey = sensitive('the-key-of-this-cluster')
const wanted = job({
  namespace: 'a',
  name: 'migrate',
  application: 'superset',
  pod: { containers: [] },
  inputs: [],
  deadlineSeconds: 60,
})

/** A run's session over these objects, under --plan: no Job is watched. */
function sessionOver(objects: readonly LiveObject[]) {
  const { kubectl } = cluster({ worker: 2 }, 100)
  const writes = writesOf(true)
  const session = createKube({
    kubectl,
    writes,
    owner: { module: '13_superset', env: 'dev' },
    forceConflicts: false,
    failures: () => [],
    checksumKey,
    namespaces: [],
    objects,
    isRecorded: () => true,
  })
  return { writes, ensure: () => session.of('01_deploy').ensureJob(wanted, ['worker', 'absent']) }
}

test('a Job that has to run takes them to 0 before it; a first install has none of them', async () => {
  const upgrade = sessionOver([deployment('worker', 2)])
  await upgrade.ensure()
  assert.deepEqual(
    upgrade.writes.changes.map(({ sign, what }) => `${sign} ${what}`),
    ['~ Deployment a/worker', `+ Job a/${keyed(wanted, checksumKey).metadata?.name}`],
  )
  const first = sessionOver([])
  await first.ensure()
  assert.deepEqual(
    first.writes.changes.map(({ sign, what }) => `${sign} ${what}`),
    [`+ Job a/${keyed(wanted, checksumKey).metadata?.name}`],
  )
})

test('a Job that is complete leaves them alone', async () => {
  const named = keyed(wanted, checksumKey)
  const done = {
    ...named,
    metadata: { ...named.metadata, labels: { ...named.metadata?.labels, ...owner } },
    status: { conditions: [{ type: 'Complete', status: 'True' }] },
  } as unknown as LiveObject
  const { writes, ensure } = sessionOver([deployment('worker', 2), done])
  await ensure()
  assert.deepEqual(writes.changes, [])
})

/** As much of an API server as a whole run needs: it stores, adds no ownership, and its Jobs complete at once. */
function apiServer() {
  const stored = new Map<string, LiveObject>()
  const replicas: string[] = []
  const jobs: string[] = []
  const apply: Api['apply'] = async (manifest, { dryRun }) => {
    const one = structuredClone(manifest) as LiveObject
    const now = stored.get(nameOf(one))
    const spec = { ...(now?.['spec'] as object), ...(one['spec'] as object) }
    const made = { ...now, ...one, spec, metadata: { ...now?.metadata, ...one.metadata } }
    if (dryRun) return made
    if (one.kind === 'Job')
      jobs.push(added({ ...made, status: { conditions: [{ type: 'Complete', status: 'True' }] } }))
    if (one.kind === 'Deployment')
      replicas.push(`${one.metadata.name} ${(spec as { replicas?: number }).replicas}`)
    stored.set(nameOf(one), made)
    return made
  }
  const watch: Api['watch'] = (kind, _namespace, signal) =>
    Promise.resolve(watchOf(signal, ...(kind === 'jobs.batch' ? jobs : [])))
  const api = fakeApi(
    ({ kinds }) => (kinds === 'pods' ? [] : [...stored.values()].map((one) => structuredClone(one))),
    { apply, watch },
  )
  return { kubectl: { api } as unknown as Kubectl, stored, replicas }
}

const withOwner = <M extends Manifest>(one: M): M => ({
  ...one,
  metadata: { ...one.metadata, labels: { ...one.metadata?.labels, ...owner } },
})

test('after the Job what was compared before it is compared anew: each comes back with what it declares', async () => {
  const { kubectl, stored, replicas } = apiServer()
  const common = { namespace: 'a', pod: { containers: [] }, restartOn: [] }
  const beat = makeDeployment({ ...common, name: 'beat', labels: labelsOf('beat'), replicas: 1 })
  const worker = makeDeployment({ ...common, name: 'worker', labels: labelsOf('worker') })
  const wantedObjects = [beat, worker, ...autoscaled(worker, { most: 4, cpuPercent: 75 })]
  const start = () =>
    createKube({
      kubectl,
      writes: writesOf(),
      owner: { module: '13_superset', env: 'dev' },
      forceConflicts: false,
      failures: () => [],
      checksumKey: sensitive('the-key-of-this-cluster'),
      namespaces: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } } as LiveObject],
      objects: [...stored.values()],
      isRecorded: () => true,
    })
  await start().of('01_deploy').apply(wantedObjects)
  const session = start()
  await session.planAhead(wantedObjects.map((one) => withOwner(one)))
  replicas.length = 0
  await session.of('01_deploy').ensureJob(wanted, ['beat', 'worker'])
  await session.of('01_deploy').apply(wantedObjects)
  assert.deepEqual(replicas.slice(0, 2), ['beat 0', 'worker 0'])
  assert.deepEqual(
    ['beat', 'worker'].map(
      (name) => (stored.get(`Deployment a/${name}`)?.['spec'] as { replicas?: number } | undefined)?.replicas,
    ),
    [1, 2],
  )
})
