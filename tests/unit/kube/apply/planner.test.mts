import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { createPlanner } from '../../../../lib/kube/apply/planner.mts'
import { nameOf, type LiveObject, type Manifest } from '../../../../lib/kube/types.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import { fakeApi } from '../fake-api.mts'

// What is asked of the API server about a batch; the answers are those of Kubernetes 1.36.

const labels = {
  'app.kubernetes.io/managed-by': 'keybuzz',
  'keybuzz.io/module': '09_k3s',
  'keybuzz.io/env': 'prod',
  'keybuzz.io/step': '03_join_workers',
}
const facts = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'cluster-facts', namespace: 'keybuzz-system', labels },
}
const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })

/** A server that knows these namespaces, and no object. Notes what it is asked to try. */
function planner(namespaces: string[], ...live: LiveObject[]) {
  const tried: string[] = []
  const apply = async (manifest: Manifest) => {
    const { metadata } = manifest
    if (!namespaces.includes(metadata?.namespace ?? ''))
      throw new Error(`Error from server (NotFound): namespaces "${metadata?.namespace}" not found`)
    tried.push(metadata?.name ?? '')
    return manifest as LiveObject
  }
  const kubectl = { api: fakeApi(() => [], { apply }) } as unknown as Kubectl
  const ours = {
    find: async () => new Map(live.map((one) => [nameOf(one), one])),
    invalidate: () => undefined,
  }
  const asked = createPlanner({ kubectl, ours, namespaces: namespaces.map(namespace) as LiveObject[] })
  return { tried, asked }
}

test('an object in a namespace that is not there yet is new, and the server is not asked about it', async () => {
  const { asked, tried } = planner(['default'])
  const { planned } = await asked.plan([facts])
  assert.equal(planned[0]?.comparison.status, 'new')
  assert.deepEqual(tried, [])
})

test('in a namespace that is there the server is asked', async () => {
  const { asked, tried } = planner(['keybuzz-system'])
  await asked.plan([facts])
  assert.deepEqual(tried, ['cluster-facts'])
})

test('once something was sent, the namespaces of before it are no news', async () => {
  const { asked, tried } = planner(['keybuzz-system'])
  await asked.plan([{ ...namespace('n8n'), metadata: { name: 'n8n', labels } }])
  asked.markSent()
  await asked.plan([facts])
  assert.deepEqual(tried, ['cluster-facts'])
})

test('an object that is being deleted is refused with its finalizers, before anything is asked or sent: exit 5', async () => {
  const leaving = {
    ...facts,
    metadata: {
      ...facts.metadata,
      deletionTimestamp: '2026-11-23T10:00:00Z',
      finalizers: ['example.com/hold'],
    },
  } as unknown as LiveObject
  const { asked, tried } = planner(['keybuzz-system'], leaving)
  await assert.rejects(asked.plan([facts]), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.conflict)
    assert.match(thrown.message, /^ConfigMap keybuzz-system\/cluster-facts is being deleted since 2026/)
    assert.match(thrown.details.join(), /example\.com\/hold/)
    assert.match(thrown.hint ?? '', /kubectl patch configmap cluster-facts --namespace keybuzz-system/)
    return true
  })
  assert.deepEqual(tried, [])
})

for (const [maker, metadata] of [
  [
    'Helm release n8n',
    {
      labels: { 'app.kubernetes.io/managed-by': 'Helm' },
      annotations: { 'meta.helm.sh/release-name': 'n8n', 'meta.helm.sh/release-namespace': 'default' },
    },
  ],
  [
    'Argo CD application flows',
    { annotations: { 'argocd.argoproj.io/tracking-id': 'flows:apps/Deployment:a/n8n' } },
  ],
  ['Flux Kustomization apps', { labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' } }],
] as const) {
  test(`an object ${maker} made is not applied over: exit 5 in the plan, with the way to move`, async () => {
    const { name, namespace: home } = facts.metadata
    const made = { ...facts, metadata: { name, namespace: home, ...metadata } } as LiveObject
    const { asked, tried } = planner(['keybuzz-system'], made)
    await assert.rejects(asked.plan([facts]), (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.equal(thrown.exitCode, exitCodes.conflict)
      assert.match(thrown.message, new RegExp(`was made by ${maker}$`))
      assert.match(thrown.hint ?? '', /saved\.yaml .* write its keys into credentials\/(?!ENV)[a-z]+;/)
      return true
    })
    assert.deepEqual(tried, [])
  })
}
