import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needsOfPods, startsPods, type Need } from '../../../../lib/kube/apply/starting-pods.mts'
import type { Comparison, Planned } from '../../../../lib/kube/apply/diff.mts'
import { injected } from '../../../../lib/kube/manifests/injection.mts'
import { job } from '../../../../lib/kube/manifests/jobs.mts'
import { autoscaled, configMap } from '../../../../lib/kube/manifests/objects.mts'
import { deployment, type DeploymentOptions } from '../../../../lib/kube/manifests/pods.mts'
import { statefulSet } from '../../../../lib/kube/manifests/stateful.mts'
import {
  type Deployment,
  type LiveObject,
  type Manifest,
  nameOf,
  type PodSpec,
} from '../../../../lib/kube/types.mts'

const asking = (cpu: string): PodSpec => ({
  containers: [{ name: 'one', resources: { requests: { cpu, memory: '1Gi' } } }],
})

const web = (cpu: string, more: Partial<DeploymentOptions> = {}): Deployment =>
  deployment({
    namespace: 'a',
    name: 'web',
    labels: { app: 'web' },
    restartOn: [],
    pod: asking(cpu),
    ...more,
  })

const status = (one: Comparison['status'], ...paths: string[]): Comparison => ({
  status: one,
  fields: paths.map((path) => ({ path, before: 1, after: 2 })),
})
const fresh = status('new')
const same = status('unchanged')
const replaced = status('changed', 'spec.template.spec.containers[one].image')

const planned = (manifest: Manifest, comparison: Comparison): Planned => ({ manifest, comparison })

const liveOf = (manifest: Manifest, more: object = {}): LiveObject =>
  ({ ...structuredClone(manifest), ...more }) as unknown as LiveObject

const pod = (name: string, cpu: string, labels: Record<string, string> = { app: 'web' }): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'a', labels },
  spec: { ...asking(cpu), nodeName: 'w1' },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
})

const needs = (
  changes: Planned[],
  {
    live = [],
    pods = [],
    leaving = [],
  }: { live?: LiveObject[]; pods?: LiveObject[]; leaving?: LiveObject[] } = {},
) => needsOfPods({ planned: changes, live: new Map(live.map((one) => [nameOf(one), one])), leaving, pods })

/** `Deployment a/web: 2 of 500m, 1 gone` */
const said = ({ starting, gone }: Need): string[] => [
  ...starting.map(({ what, count, request }) => `${what}: ${count} of ${request.cpuMillis}m`),
  `gone: ${[...gone].map(({ metadata }) => metadata.name).join(' ')}`,
]

test('pods are asked about only when a workload, a Job or an autoscaler is new or changed', () => {
  const one = web('500m', { replicas: 2 })
  const [scaler, budget] = autoscaled(one, { most: 4, cpuPercent: 70 })
  assert.equal(startsPods([planned(one, same), planned(configMap('a', 'b', {}), fresh)]), false)
  assert.equal(startsPods([planned(budget, fresh)]), false)
  for (const kind of [one, scaler, { kind: 'StatefulSet' }, { kind: 'Job' }])
    assert.equal(startsPods([planned(kind, fresh)]), true, kind.kind ?? '')
})

test('the agent that the injector adds counts: beside an application, and of a pod that ends only while it starts', () => {
  const injection = {
    mount: { method: 'kubernetes', path: 'kubernetes' },
    role: 'r',
    containers: ['one'],
    user: 1000,
    files: [],
    intervalSeconds: 60,
  } as const
  const start = (cpu: string, ends: boolean) => {
    const one = web(cpu, { replicas: 2 })
    const spec = { ...one.spec, template: injected(one.spec?.template, { ...injection, ends }) }
    return said(needs([planned({ ...one, spec } as Deployment, fresh)]).atEnd)[0]
  }
  assert.equal(start('500m', false), 'Deployment a/web: 2 of 550m')
  assert.equal(start('500m', true), 'Deployment a/web: 2 of 500m')
  assert.equal(start('10m', true), 'Deployment a/web: 2 of 50m')
})

test('a new workload starts its replicas, or the minimum of its autoscaler, or one', () => {
  const start = (...all: Manifest[]) => said(needs(all.map((one) => planned(one, fresh))).atEnd)
  const one = web('500m')
  assert.deepEqual(start(web('500m', { replicas: 3 })), ['Deployment a/web: 3 of 500m', 'gone: '])
  assert.deepEqual(start(one, ...autoscaled(one, { most: 4, cpuPercent: 70 })), [
    'Deployment a/web: 2 of 500m',
    'gone: ',
  ])
  assert.deepEqual(start(one), ['Deployment a/web: 1 of 500m', 'gone: '])
  assert.deepEqual(start(web('500m', { replicas: 0 })), ['gone: '])
})

test('of a workload that grows, pods that are on nodes count already; pending ones do not', () => {
  const one = web('500m', { replicas: 4 })
  const pending = pod('c', '500m')
  delete (pending['spec'] as { nodeName?: string }).nodeName
  const other = pod('d', '500m', { app: 'other' })
  const found = needs([planned(one, status('changed', 'spec.replicas'))], {
    pods: [pod('a', '500m'), pod('b', '500m'), pending, other],
  })
  assert.deepEqual(said(found.atEnd), ['Deployment a/web: 2 of 500m', 'gone: '])
  assert.deepEqual(found.besides, [])
  const shrunk = web('500m', { replicas: 1 })
  const fewer = needs([planned(shrunk, status('changed', 'spec.replicas'))], {
    pods: [pod('a', '500m'), pod('b', '500m')],
  })
  assert.deepEqual(said(fewer.atEnd), ['gone: '])
})

test('an unchanged workload starts pods when its autoscaler gets a larger minimum, and keeps what that one has scaled', () => {
  const one = web('500m')
  const [scaler] = autoscaled(one, { least: 3, most: 4, cpuPercent: 70 })
  const of = (replicas: number, comparison = same) =>
    said(
      needs([planned(one, comparison), planned(scaler, status('changed', 'spec.minReplicas'))], {
        live: [liveOf(one, { spec: { ...one.spec, replicas } })],
        pods: [pod('a', '500m')],
      }).atEnd,
    )
  assert.deepEqual(of(1), ['Deployment a/web: 2 of 500m', 'gone: '])
  assert.deepEqual(of(4), ['Deployment a/web: 3 of 500m', 'gone: '])
  assert.deepEqual(of(4, replaced), ['Deployment a/web: 4 of 500m', 'gone: a'])
  assert.deepEqual(of(9, replaced), ['Deployment a/web: 4 of 500m', 'gone: a'], 'never more than the maximum')
})

test('a new template replaces every pod: the old ones are gone at the end, and the first new one starts beside them', () => {
  const one = web('600m', { replicas: 2 })
  const old = [pod('a', '500m'), pod('b', '500m')]
  const found = needs([planned(one, replaced)], { pods: old })
  assert.deepEqual(said(found.atEnd), ['Deployment a/web: 2 of 600m', 'gone: a b'])
  assert.deepEqual(found.besides.map(said), [['Deployment a/web: 1 of 600m', 'gone: ']])
})

test('the pod of an earlier rollout that failed ends before the next new one starts; of a workload without a pod too many none does', () => {
  const failed = { ...pod('failed', '500m'), status: { phase: 'Running' } }
  const gone = (...pods: LiveObject[]) =>
    needs([planned(web('500m', { replicas: 2 }), replaced)], { pods }).besides.map((one) => said(one).at(-1))
  assert.deepEqual(gone(pod('a', '500m'), pod('b', '500m'), failed), ['gone: failed'])
  assert.deepEqual(gone(pod('a', '500m'), failed), ['gone: '])
})

test('none starts beside old pods when these end first: Recreate, StatefulSet, maxUnavailable, no pod there', () => {
  const old = [pod('a', '500m'), pod('b', '500m')]
  const besides = (manifest: Manifest, pods = old) =>
    needs([planned(manifest, replaced)], { pods }).besides.length
  const unavailable = (maxUnavailable: number | string | undefined, replicas = 2): Manifest => {
    const one = web('500m', { replicas })
    const rollingUpdate = maxUnavailable === undefined ? {} : { maxUnavailable }
    return { ...one, spec: { ...one.spec, strategy: { type: 'RollingUpdate', rollingUpdate } } } as Manifest
  }
  const set = statefulSet({
    namespace: 'a',
    name: 'web',
    labels: { app: 'web' },
    pod: asking('1'),
    restartOn: [],
  })
  assert.equal(besides(web('500m', { replicas: 2 })), 1)
  assert.equal(besides(web('500m', { replicas: 2, strategy: 'Recreate' })), 0)
  assert.equal(besides(set), 0)
  assert.equal(besides(web('500m', { replicas: 2 }), []), 0)
  assert.deepEqual(
    [unavailable(0), unavailable(1), unavailable('50%'), unavailable('40%'), unavailable('0%')].map((one) =>
      besides(one),
    ),
    [1, 0, 0, 1, 1],
  )
  assert.deepEqual(
    [besides(unavailable(undefined, 2)), besides(unavailable(undefined, 4))],
    [1, 0],
    'the default, 25%',
  )
})

test('a Job runs alone and ends: it is counted by itself, unless it is done or its pod is there', () => {
  const one = job({
    namespace: 'a',
    name: 'migrate',
    application: 'web',
    pod: asking('250m'),
    inputs: [],
    deadlineSeconds: 60,
  })
  const name = one.metadata?.name ?? ''
  const labels = { ...one.metadata?.labels, 'batch.kubernetes.io/job-name': name }
  const conditions = (type: string) => ({ status: { conditions: [{ type, status: 'True' }] } })
  const rolled = [planned(one, fresh), planned(web('500m', { replicas: 2 }), replaced)]
  const pods = [pod('a', '500m')]
  const found = needs(rolled, { pods })
  assert.deepEqual(found.jobs.map(said), [[`Job a/${name}: 1 of 250m`, 'gone: a']])
  assert.deepEqual(said(found.atEnd), ['Deployment a/web: 2 of 500m', 'gone: a'])
  const done = needs(rolled, { pods, live: [liveOf(one, conditions('Complete'))] })
  assert.equal(done.jobs.length, 0)
  assert.equal(needs(rolled, { pods, live: [liveOf(one, conditions('Failed'))] }).jobs.length, 1)
  assert.equal(needs(rolled, { pods: [...pods, pod('m', '250m', labels)] }).jobs.length, 0)
})

test('pods of workloads that this run deletes are gone, and so are old pods that others replace by smaller ones', () => {
  const labels = { app: 'shrinking' }
  const shrinking = { ...web('100m', { replicas: 1, name: 'shrinking', labels }) }
  const leaving = liveOf(web('500m', { name: 'old', labels: { app: 'old' } }))
  const pods = [pod('w', '500m'), pod('s', '500m', labels), pod('o', '500m', { app: 'old' })]
  const found = needs([planned(web('500m', { replicas: 1 }), replaced), planned(shrinking, replaced)], {
    pods,
    leaving: [leaving],
  })
  assert.deepEqual(said(found.atEnd).at(-1), 'gone: o w s')
  assert.deepEqual(
    found.besides.map((one) => said(one)),
    [
      ['Deployment a/web: 1 of 500m', 'gone: o s'],
      ['Deployment a/shrinking: 1 of 100m', 'gone: o'],
    ],
  )
})

test('the least is what every workload of the run needs, were none of their pods there, and no Job’s', () => {
  const one = web('500m')
  const shrunk = web('400m', { name: 'less', labels: { app: 'less' }, replicas: 1 })
  const [scaler] = autoscaled(one, { least: 2, most: 9, cpuPercent: 70 })
  const ofJob = pod('backup-1', '2', { app: 'backup' })
  ofJob.metadata.ownerReferences = [{ kind: 'Job', name: 'backup', uid: 'j' }]
  const pods = [
    ...['a', 'b', 'c'].map((name) => pod(name, '500m')),
    ...['d', 'e'].map((name) => pod(name, '400m', { app: 'less' })),
    ofJob,
    pod('other', '1', { app: 'other' }),
  ]
  const changes = [
    planned(one, same),
    planned(scaler, same),
    planned(shrunk, status('changed', 'spec.replicas')),
  ]
  const live = [liveOf(one, { spec: { ...one.spec, replicas: 6 } })]
  assert.deepEqual(said(needs(changes, { pods, live }).least), [
    'Deployment a/web: 2 of 500m',
    'Deployment a/less: 1 of 400m',
    'gone: a b c d e backup-1',
  ])
})
