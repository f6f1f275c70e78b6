import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import type { KubeReader } from '../../../../lib/kube/reader.mts'
import { healthOf } from '../../../../lib/kube/rollout/health.mts'
import type { LiveObject } from '../../../../lib/kube/types.mts'
import { sayReady, waitForDeployments } from '../../../../lib/kube/rollout/deployments.mts'
import { availableText } from '../../../../lib/kube/rollout/progress.mts'
import { rolloutError } from '../../../../lib/kube/rollout/failure.mts'
import { added, fakeApi, watchOf } from '../fake-api.mts'

// Every fatal state is seen on the real cluster (tests/practice/waits.bats); here are the two limits of a wait.

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'n8n', generation: 1 },
  spec: { replicas: 2, selector: { matchLabels: { app: 'n8n' } }, template: {} },
  status: { observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 1 },
}

/** An API server that shows one object of a kind. */
const showing = (shown: string, object: object, answer: () => unknown = () => []): Kubectl => {
  const api = fakeApi(answer, {
    watch: (kind, _namespace, signal) =>
      Promise.resolve(watchOf(signal, ...(kind === shown ? [added(object)] : []))),
  })
  return { api } as unknown as Kubectl
}

/** It watches one Deployment, which never becomes ready. */
const kubectl = showing('deployments.apps', deployment)

const endsWith = (limits: { deadline: number; noProgress: number }, why: RegExp) =>
  assert.rejects(waitForDeployments(kubectl, 'a', ['n8n'], [], limits), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.rolloutFailed)
    assert.match(thrown.message, why)
    // How much of it was seen by then is a matter of how busy this machine is.
    assert.match(thrown.details[0] ?? '', /^deployment\/n8n \d\/\d ready: ./)
    return true
  })

test('a wait ends at its deadline, and when nothing moves: both limits are named with the last reason', async () => {
  await Promise.all([
    endsWith({ deadline: 1, noProgress: 60 }, /deployment\/n8n did not become ready: 1 s have passed/),
    endsWith(
      { deadline: 60, noProgress: 1 },
      /deployment\/n8n did not become ready: nothing has moved for 1 s/,
    ),
  ])
})

/** A watch that never shows the Deployment, though it shows pods; `answer` is what the API server says when asked. */
const unseen = (answer: () => unknown) => {
  const asking = showing('pods', { kind: 'Pod', metadata: { name: 'n8n-1' } }, answer)
  return waitForDeployments(asking, 'a', ['n8n'], [], { deadline: 3, noProgress: 60, absence: 0.1 })
}

test('a Deployment the watch has not shown is gone only when the API server says so: exit 5', async () => {
  await Promise.all([
    assert.rejects(
      unseen(() => []),
      { exitCode: exitCodes.conflict, message: /^deployment.n8n was deleted while/ },
    ),
    // Its list has not arrived yet; and an API server that is away says nothing.
    assert.rejects(
      unseen(() => [deployment]),
      { exitCode: exitCodes.rolloutFailed, message: /3 s have passed/ },
    ),
    assert.rejects(
      unseen(() => Promise.reject(new KitError('away', { exitCode: exitCodes.unreachable }))),
      { exitCode: exitCodes.rolloutFailed, message: /3 s have passed/ },
    ),
  ])
})

test('how many pods serve is counted, never supposed: a Deployment whose only pod is gone does not serve', () => {
  const live = (availableReplicas?: number) =>
    ({
      kind: 'Deployment',
      metadata: { name: 'n8n' },
      spec: { replicas: 2 },
      status: { availableReplicas },
    }) as never
  assert.equal(availableText(live(1)), 'deployment/n8n: 1 of 2 pods available')
  assert.equal(availableText(live()), 'deployment/n8n: 0 of 2 pods available: it does not serve')
})

test('a Deployment that cannot start is told with the pods that are available, and with no other comfort', async () => {
  const diagnosis = { what: 'w', where: 'pod', words: 'x', next: 'n' }
  const told = (serving?: string) =>
    rolloutError(kubectl, 'a', 'deployment/n8n', diagnosis, { failures: [], serving })
  assert.deepEqual((await told('deployment/n8n: 1 of 2 pods available')).details, [
    'pod: x',
    'deployment/n8n: 1 of 2 pods available',
  ])
  assert.deepEqual((await told()).details, ['pod: x'])
})

test('a Deployment that wants no pod is as wanted, and is not called ready nor healthy', async (context) => {
  const none = {
    ...deployment,
    metadata: { name: 'coredns', namespace: 'kube-system', generation: 1 },
    spec: { ...deployment.spec, replicas: 0 },
    status: { observedGeneration: 1 },
  } as unknown as LiveObject
  const serving = {
    ...deployment,
    status: { ...deployment.status, availableReplicas: 2 },
  } as unknown as LiveObject
  let screen = ''
  context.mock.method(process.stderr, 'write', (text: string) => Boolean((screen += text)))
  sayReady([none, serving])
  context.mock.restoreAll()
  assert.match(screen, /deployment\/n8n ready/)
  assert.doesNotMatch(screen, /coredns.* ready/)
  assert.match(screen, /deployment\/coredns: 0 of 0 pods available: it does not serve/)
  assert.match(screen, /kubectl --namespace kube-system scale deployment\/coredns --replicas=1/)
  const reader = { list: () => Promise.resolve([]) } as unknown as KubeReader
  assert.deepEqual(await healthOf(reader, [none, serving]), {
    state: 'degraded',
    problems: [
      'Deployment kube-system/coredns is scaled to 0: it does not serve; kubectl --namespace kube-system scale deployment/coredns --replicas=1',
    ],
    warnings: [],
  })
})
