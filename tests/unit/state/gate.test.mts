import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Look } from '../../../lib/kube/cluster-view.mts'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { provenText, requireGate } from '../../../lib/state/gate.mts'
import { createRunRevision } from '../../../lib/state/run-revision.mts'
import type { Revision } from '../../../lib/state/revision.mts'
import { fakeApi } from '../kube/fake-api.mts'
import { revisionOf } from './revisions.mts'

const revision = (more: Partial<Revision> = {}): Revision =>
  revisionOf({
    module: '09_k3s',
    manifests: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }],
    ...more,
  })

/** What a module's revision is after verifications in which so many checks failed. */
async function after(start: Revision, ...failures: number[]): Promise<Revision> {
  const api = fakeApi(() => [], { apply: (secret) => Promise.resolve(secret as LiveObject) })
  const kubectl = { api } as unknown as Kubectl
  let current = start
  for (const failed of failures) {
    const revisions = createRunRevision({
      kubectl,
      known: [current],
      module: '09_k3s',
      env: 'dev',
      kit: '0.1.0',
      images: () => ({}),
      settings: () => ({ values: {}, secrets: [] }),
      guard: () => Promise.resolve(),
    })
    await revisions.tested({ checks: 27, failed, drilled: 0, proven: [] })
    current = revisions.current ?? current
  }
  return current
}

const first = { when: '2026-11-23T10:30:00Z', checks: 26 }
const validated = revision({ tested: { ...first, failed: 0 }, passed: first })

test('a gate names the verification that passed, and a newer one that failed on a line of its own', async () => {
  assert.deepEqual(provenText('9 K3s', validated), {
    validated: '9 K3s validated 2026-11-23 10:30, 26 checks',
  })
  for (const failures of [[1], [1, 2]]) {
    const { validated: line, failedSince } = provenText('9 K3s', await after(validated, ...failures))
    assert.equal(line, '9 K3s validated 2026-11-23 10:30, 26 checks')
    assert.match(
      failedSince ?? '',
      new RegExp(`^9 K3s: a newer verification failed, 20\\d\\d-.*: ${failures.at(-1)} of 27 checks$`),
    )
  }
})

test('a verification that passes again is the one that is named', async () => {
  const again = await after(validated, 1, 0)
  assert.deepEqual(again.passed, { when: again.tested?.when, checks: 27 })
  assert.equal(provenText('9 K3s', again).failedSince, undefined)
})

test('a revision of before passes were kept: the newest verification is one, or the time is not known any more', async () => {
  const old = revision({ tested: { ...first, failed: 0 } })
  assert.equal(provenText('9 K3s', old).validated, '9 K3s validated 2026-11-23 10:30, 26 checks')
  assert.deepEqual((await after(old, 1)).passed, first)
  const unknown = provenText('9 K3s', revision({ tested: { ...first, failed: 3 } }))
  assert.equal(unknown.validated, '9 K3s validated, when is not known any more')
  assert.match(unknown.failedSince ?? '', /3 of 26 checks/)
})

const k3s = { number: 9, slug: 'k3s', title: 'K3s HA core' }

const nodeWith = (...short: string[]): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'k8s-1', labels: { 'node-role.kubernetes.io/control-plane': 'true' } },
  spec: {},
  status: { conditions: ['Ready', ...short].map((type) => ({ type, status: 'True' })) },
})

const serving = { isServing: true, nodes: ['k8s-1'] }
const look: Look = {
  uid: '1',
  kubernetes: [],
  summary: '',
  nodes: [nodeWith()],
  ingressClasses: ['traefik'],
  namespaces: [],
  dns: serving,
  metrics: serving,
  provisioner: undefined,
}

test('the gate opens on a verification that passed, and says on a line of its own that a newer one failed', async (context) => {
  const seen: string[] = []
  context.mock.method(process.stderr, 'write', (text: string) => seen.push(text) > 0)
  requireGate('dev', look, [k3s], [await after(validated, 1)])
  assert.match(seen.join(''), /9 K3s HA core validated 2026-11-23 10:30, 26 checks/)
  assert.match(seen.join(''), /9 K3s HA core: a newer verification failed, .*: 1 of 27 checks/)
  assert.match(seen.join(''), /--module 9 --env dev --verify {3}shows each check/)
  assert.throws(() => requireGate('dev', look, [k3s], []), { exitCode: 3, message: /is not validated/ })
})

test('without DNS no module begins: exit 3 with the Deployment that wants no pod, and the command that helps', () => {
  const coredns = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'kube-system', name: 'coredns' },
    spec: { replicas: 0 },
  }
  const down = { isServing: false, nodes: [] }
  assert.throws(
    () => requireGate('dev', { ...look, dns: { ...down, scaledToZero: coredns } }, [k3s], [validated]),
    {
      exitCode: 3,
      details: [
        'Deployment kube-system/coredns is scaled to 0: pods resolve no names',
        'Nothing was written.',
      ],
      hint: 'kubectl --namespace kube-system scale deployment/coredns --replicas=1; then run the same command again',
    },
  )
  assert.throws(() => requireGate('dev', { ...look, dns: down }, [k3s], [validated]), {
    exitCode: 3,
    details: ['the cluster DNS (kube-dns) has no ready pod: pods resolve no names', 'Nothing was written.'],
    hint: /--module 9 --env dev --verify/,
  })
})

test('a node short of disk is a warning with its name: the others may take the pods; without metrics it opens too', (context) => {
  const seen: string[] = []
  context.mock.method(process.stderr, 'write', (text: string) => seen.push(text) > 0)
  const metrics = { isServing: false, nodes: [] }
  requireGate('dev', { ...look, nodes: [nodeWith('DiskPressure')], metrics }, [k3s], [validated])
  assert.match(
    seen.join(''),
    /! Node k8s-1 has DiskPressure: it takes no new pods[^]*fix: kubectl describe node k8s-1/,
  )
})
