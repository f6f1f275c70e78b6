import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conflictLine } from '../../../../lib/kube/apply/conflicts.mts'
import { isHidden } from '../../../../lib/kube/apply/hidden-values.mts'
import { fieldLines } from '../../../../lib/kube/apply/plan-text.mts'
import type { Manifest } from '../../../../lib/kube/types.mts'

const of = (kind: string) => ({ kind, metadata: { name: 'n8n', namespace: 'n8n' } }) as Manifest
const both = (kind: string, path: string, before: unknown, after: unknown): string =>
  [
    fieldLines(of(kind), { path, before, after }),
    conflictLine({ manifest: of(kind), path, before, after, owner: 'kubectl-edit' }),
  ].join('\n')

test('a Secret’s data is hidden, whole or key by key, coming or going', () => {
  for (const [path, before, after] of [
    ['data', { KEY: 'cGxhbnRlZA==' }, undefined],
    ['data', undefined, { KEY: 'cGxhbnRlZA==' }],
    ['data.KEY', 'cGxhbnRlZA==', 'b3RoZXI='],
    ['stringData.KEY', undefined, 'planted'],
  ] as const)
    assert.doesNotMatch(both('Secret', path, before, after), /planted|cGxhbnRlZA/, path)
})

test('what was set by hand under a name that says so is hidden, in any object and at any depth', () => {
  const env = (name: string) => [{ name, value: 'planted' }]
  for (const [kind, path, value] of [
    ['Deployment', 'spec.template.spec.containers[n8n].env[DB_PASSWORD].value', 'planted'],
    ['Deployment', 'spec.template.spec.containers[n8n].env', env('SMTP_PASS')],
    ['Deployment', 'spec.template.spec.containers', [{ name: 'side', env: env('API_KEY') }]],
    ['ConfigMap', 'data.GITHUB_TOKEN', 'planted'],
    ['ConfigMap', 'data', { 'client-secret': 'planted' }],
    ['Ingress', 'metadata.annotations.auth-secret-value', 'planted'],
  ] as const)
    assert.doesNotMatch(both(kind, path, value, undefined), /planted/, path)
})

test('names that only point to a Secret, and everything else, are shown', () => {
  for (const path of [
    'spec.template.spec.containers[n8n].env[DB_PASSWORD].valueFrom.secretKeyRef.name',
    'spec.tls[0].secretName',
    'spec.template.spec.imagePullSecrets[registry].name',
    'spec.template.spec.automountServiceAccountToken',
  ])
    assert.ok(!isHidden(of('Deployment'), path), path)
  assert.match(both('Deployment', 'spec.replicas', 2, 1), /2 -> 1/)
})
