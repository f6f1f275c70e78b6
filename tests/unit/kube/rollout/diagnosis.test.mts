import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import { diagnosePod, diagnoseRefusal, waitingReason } from '../../../../lib/kube/rollout/diagnosis.mts'
import { explainLines } from '../../../../lib/kube/rollout/failure.mts'
import type { LiveObject, Pod } from '../../../../lib/kube/types.mts'

const calm = { podsEnding: false }

const pod = (status: Partial<NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number]>): Pod => ({
  metadata: { name: 'n8n-worker-1' },
  spec: { nodeName: 'k8s-worker-02', containers: [] },
  status: {
    containerStatuses: [
      { name: 'n8n', image: 'n8n:1', imageID: '', ready: false, restartCount: 0, ...status },
    ],
  },
})

const waiting = (reason: string, message = '', restartCount = 0) =>
  pod({ state: { waiting: { reason, message } }, restartCount })

for (const [reason, message, what] of [
  ['ErrImagePull', 'docker.io/n8n:1: 404 manifest unknown: not found', 'image not found'],
  ['ImagePullBackOff', 'failed to authorize: 401 Unauthorized', 'the registry refuses the pull'],
  [
    'ErrImagePull',
    'no match for platform in manifest: not found',
    'image is for another processor architecture',
  ],
  ['ErrImagePull', 'dial tcp: lookup registry.example.com: no such host', 'image cannot be pulled'],
  ['InvalidImageName', 'couldn’t parse image name', 'image name is not valid'],
  ['CreateContainerConfigError', 'secret "n8n" not found', 'a Secret or ConfigMap it needs is missing'],
  [
    'CreateContainerConfigError',
    "couldn't find key REDIS_PASSWORD in Secret keybuzz/api",
    'a Secret or ConfigMap it needs is missing',
  ],
  [
    'CreateContainerConfigError',
    'container has runAsNonRoot and image will run as root',
    'the image runs as a user its pod does not allow',
  ],
  ['RunContainerError', 'exec: "nope": not found', 'the container cannot be created'],
] as const) {
  test(`${reason} with "${message.slice(0, 30)}" is: ${what}`, () => {
    const found = diagnosePod(waiting(reason, message), calm)
    assert.equal(found?.what, what)
    assert.equal(found?.where, 'n8n-worker-1 on k8s-worker-02')
    assert.ok(found?.words.includes(message))
  })
}

test('one crash is tolerated, a second is a crash loop whose log is wanted', () => {
  const crashed = (restartCount: number) =>
    pod({
      restartCount,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 1 } },
    })
  assert.equal(diagnosePod(crashed(1), calm), undefined)
  assert.equal(diagnosePod(crashed(2), calm)?.what, 'it crashes again and again')
  assert.deepEqual(diagnosePod(crashed(2), calm)?.log, {
    pod: 'n8n-worker-1',
    container: 'n8n',
    previous: true,
  })
})

test('a container killed for its memory says so', () => {
  const killed = pod({ restartCount: 2, lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } } })
  assert.equal(diagnosePod(killed, calm)?.what, 'it needs more memory than its limit')
})

test('an unschedulable pod names the resource, but not while other pods still end', () => {
  const stuck: Pod = {
    metadata: { name: 'n8n-1' },
    status: {
      conditions: [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'Unschedulable',
          message: '0/5 nodes: Insufficient memory',
        },
      ],
    },
  }
  assert.match(diagnosePod(stuck, calm)?.words ?? '', /Insufficient memory/)
  assert.equal(diagnosePod(stuck, { podsEnding: true }), undefined)
})

test('a kubelet that is late with a Secret that is there tries again: no failure, and the operator reads why', () => {
  const late = 'failed to sync secret cache: timed out waiting for the condition'
  assert.equal(diagnosePod(waiting('CreateContainerConfigError', late), calm), undefined)
  assert.match(
    waitingReason(waiting('CreateContainerConfigError', late), undefined),
    /failed to sync secret cache/,
  )
})

test('a pod that starts is no failure', () => {
  assert.equal(diagnosePod(waiting('ContainerCreating'), calm), undefined)
  assert.equal(waitingReason(waiting('ContainerCreating'), 'Pulling image "n8n:1"'), 'Pulling image "n8n:1"')
})

test('a ReplicaSet whose pods are refused shows the refusal', () => {
  const refused = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'n8n-78f9bf5d68' },
    status: { conditions: [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota: small' }] },
  } satisfies LiveObject
  assert.match(diagnoseRefusal(refused, 'deployment/n8n')?.words ?? '', /exceeded quota/)
  assert.equal(diagnoseRefusal({ ...refused, status: {} }, 'deployment/n8n'), undefined)
})

test('a command the image does not have is named at once, with the runtime’s words', () => {
  const status = { exitCode: 128, reason: 'StartError', message: 'exec: "/no/such": no such file' }
  const found = diagnosePod(pod({ state: { terminated: status } }), calm)
  assert.equal(found?.what, 'the container cannot be created')
  assert.match(found?.words ?? '', /no such file/)
})

const unscheduled = (message: string): Pod => ({
  metadata: { name: 'n8n-1' },
  status: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }] },
})

test('the claim of a pod’s own volume is made a moment after the pod', () => {
  const message =
    '0/5 nodes are available: waiting for ephemeral volume controller to create the persistentvolumeclaim "a". not found'
  assert.equal(diagnosePod(unscheduled(message), calm), undefined)
})

test('a claim without a volume is no matter of the nodes', () => {
  const message = '0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.'
  const found = diagnosePod(unscheduled(message), calm)
  assert.equal(found?.what, 'its volume is not there')
  assert.match(found?.next ?? '', /storageclasses/)
})

test('one log line of a MiB takes no time to be looked at, and its secret is not cut into an unknown form', () => {
  const failures = [{ line: /EACCES.*(:80|:443)\b/, meaning: 'm', next: 'n' }]
  sensitive('planted-3Aa-planted')
  const started = performance.now()
  const { lines } = explainLines(
    ['EACCES'.repeat(180_000), 'x'.repeat(190) + 'planted-3Aa-planted'],
    failures,
  )
  assert.ok(performance.now() - started < 2000)
  assert.ok(lines.every((line) => line.length <= 210 && !line.includes('planted')))
})

test('a pod of a node that does not answer is told with the node: its containers were ready, and it is not any more', () => {
  const on = (ready: string, containerReady: boolean, more: object = {}): Pod =>
    ({
      metadata: { name: 'n8n-1' },
      spec: { nodeName: 'k8s-2', containers: [], ...more },
      status: {
        conditions: [{ type: 'Ready', status: ready }],
        containerStatuses: [{ name: 'n8n', ready: containerReady, state: { running: {} } }],
      },
    }) as unknown as Pod
  assert.equal(
    waitingReason(on('False', true), 'Node is not ready'),
    'waits for its node k8s-2, which does not answer, or to be replaced',
  )
  assert.equal(waitingReason(on('False', false), undefined), 'n8n is starting')
  // A load balancer has not let it in yet: its kubelet says so.
  const gates = { readinessGates: [{ conditionType: 'target-health.elbv2.k8s.aws' }] }
  assert.equal(waitingReason(on('False', true, gates), 'waits for the target'), 'waits for the target')
})
