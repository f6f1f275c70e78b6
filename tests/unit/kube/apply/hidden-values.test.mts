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

test('a password within an address or a command line is hidden, whatever the field is called', () => {
  const env = 'spec.template.spec.containers[n8n].env[DATABASE_URL].value'
  for (const [path, value] of [
    [env, 'postgres://n8n:planted@db.example.com/n8n'],
    [env, 'postgres://n8n:with/and@planted@db.example.com/n8n'],
    ['data.REDIS_URL', 'redis://:planted@redis.example.com:6379/0'],
    ['data.GIT', 'https://planted@git.example.com/a.git'],
    ['spec.template.spec.containers[n8n].args', ['serve', '--admin-password=planted']],
    ['spec.template.spec.containers[n8n].args', ['serve', '--admin-password', 'planted']],
    ['spec.template.spec.containers[n8n].command', ['sh', '-c', `PGPASSWORD='planted' psql`]],
    ['spec.template.spec.containers', [{ name: 'side', env: [{ name: 'A', value: 'amqp://a:planted@mq' }] }]],
  ] as const)
    for (const text of [
      both('Deployment', path, value, undefined),
      both('ConfigMap', path, undefined, value),
    ])
      assert.doesNotMatch(text, /planted/, path)
  const url = both('Deployment', env, 'postgres://n8n:planted@db.example.com/n8n', 'https://example.com/?a=b')
  assert.match(url, /postgres:\/\/\*\*\*@db\.example\.com\/n8n -> https:\/\/example\.com\/\?a=b/)
})
