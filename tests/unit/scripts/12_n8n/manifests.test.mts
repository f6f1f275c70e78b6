import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Deployment, Manifest } from '../../../../lib/kube/types.mts'
import { resolve, typed } from '../../../../lib/settings/settings.mts'
import { ingress, prerequisites, workload } from '../../../../scripts/12_n8n/manifests.mts'
import { databaseOf } from '../../../../scripts/12_n8n/backends.mts'
import { n8n } from '../../../../scripts/12_n8n/module.mts'
import type { N8nSettings } from '../../../../scripts/12_n8n/settings.mts'

const saved = {
  DOMAIN: 'staging.example.com',
  OPERATOR_EMAIL: 'Ops@example.com',
  POSTGRES_HOST: '192.0.2.10',
  POSTGRES_PASSWORD: 'superuser-password',
  REDIS_HOST: '192.0.2.11',
  REDIS_PASSWORD: 'redis-password',
  N8N_OWNER_PASSWORD: 'Owner-password-1',
  N8N_ENCRYPTION_KEY: 'encryption-key-of-the-tests',
  N8N_RUNNERS_AUTH_TOKEN: 'runner-token',
  N8N_POSTGRES_PASSWORD: 'role-password',
}
const settingsFor = (env: string, more: Record<string, string> = {}) => {
  const sources = { env, overrides: {}, saved: { ...saved, ...more }, variables: {} }
  return typed(env, resolve([...n8n.shared, ...n8n.settings], sources)) as N8nSettings
}
const images = { n8n: 'n8n:2.43.5', 'n8n-runners': 'runners:2.43.5' }
const all = (env: string, more?: Record<string, string>): Manifest[] => {
  const settings = settingsFor(env, more)
  return [
    ...prerequisites(settings),
    ...workload(settings, images, 'main'),
    ...workload(settings, images, 'workers'),
    ...ingress(settings),
  ]
}
const deployments = (manifests: Manifest[]) =>
  manifests.filter((one) => one.kind === 'Deployment') as Deployment[]
const containersOf = (one: Deployment): Container[] => {
  const { containers, initContainers = [] } = one.spec?.template.spec ?? { containers: [] }
  return [...containers, ...initContainers]
}

test('n8n is four Deployments, no StatefulSet and no volume claim', () => {
  const kinds = all('staging').map(({ kind }) => kind)
  assert.deepEqual(
    deployments(all('staging')).map((one) => one.metadata?.name),
    ['n8n', 'n8n-webhook', 'n8n-mcp', 'n8n-worker'],
  )
  assert.ok(!kinds.includes('StatefulSet') && !kinds.includes('PersistentVolumeClaim'))
})

test('main and mcp are one replica that ends before the next begins; the others belong to their autoscaler', () => {
  const [main, webhook, mcp, worker] = deployments(all('staging'))
  for (const one of [main, mcp]) {
    assert.equal(one?.spec?.replicas, 1)
    assert.equal(one.spec.strategy?.type, 'Recreate')
  }
  for (const one of [webhook, worker]) assert.equal(one?.spec?.replicas, undefined)
  const scaled = all('staging').flatMap((one) =>
    one.kind === 'HorizontalPodAutoscaler' ? [one.metadata?.name] : [],
  )
  assert.deepEqual(scaled, ['n8n-webhook', 'n8n-worker'])
})

test('MCP has a Service of its own, whose pods no other Service selects, and a process that serves hooks', () => {
  const services = all('staging').filter(({ kind }) => kind === 'Service') as {
    metadata: { name: string }
    spec: { selector: Record<string, string> }
  }[]
  const mcp = deployments(all('staging')).find(({ metadata }) => metadata?.name === 'n8n-mcp')
  const labels = mcp?.spec?.template.metadata?.labels ?? {}
  const reaching = services.filter(({ spec }) =>
    Object.entries(spec.selector).every(([key, value]) => labels[key] === value),
  )
  assert.deepEqual(
    reaching.map(({ metadata }) => metadata.name),
    ['n8n-mcp'],
  )
  assert.deepEqual(mcp?.spec?.template.spec?.containers[0]?.args, ['webhook'])
})

for (const one of deployments(all('staging'))) {
  test(`${one.metadata?.name}: the pod has no right it does not need`, () => {
    const pod = one.spec?.template.spec
    assert.equal(pod?.enableServiceLinks, false)
    assert.equal(pod?.securityContext?.runAsNonRoot, true)
    assert.equal(pod?.securityContext?.seccompProfile?.type, 'RuntimeDefault')
    assert.ok((pod?.topologySpreadConstraints ?? []).length > 0)
    assert.ok(one.spec?.template.metadata?.annotations?.['keybuzz.io/checksum'])
    for (const { name, securityContext, resources, livenessProbe, readinessProbe, image } of containersOf(
      one,
    )) {
      assert.deepEqual(securityContext?.capabilities?.drop, ['ALL'], name)
      assert.equal(securityContext?.readOnlyRootFilesystem, true, name)
      assert.equal(securityContext?.allowPrivilegeEscalation, false, name)
      assert.ok(
        resources?.requests?.['memory'] && resources.limits?.['memory'] && resources.limits['cpu'],
        name,
      )
      assert.ok(livenessProbe && readinessProbe, name)
      assert.ok(!image?.endsWith(':latest'), name)
    }
  })

  test(`${one.metadata?.name}: the pod's grace is longer than n8n's own limit`, () => {
    const [container] = containersOf(one)
    const limit = Number(container?.env?.find(({ name }) => name === 'N8N_GRACEFUL_SHUTDOWN_TIMEOUT')?.value)
    assert.ok((one.spec?.template.spec?.terminationGracePeriodSeconds ?? 0) > limit)
  })
}

test('every process reads the same key, queue and database', () => {
  const read = (name: string) =>
    deployments(all('staging')).map((one) =>
      JSON.stringify(containersOf(one)[0]?.env?.find((variable) => variable.name === name)),
    )
  for (const name of [
    'N8N_ENCRYPTION_KEY',
    'QUEUE_BULL_PREFIX',
    'QUEUE_BULL_REDIS_DB',
    'DB_POSTGRESDB_DATABASE',
    'N8N_RUNNERS_AUTH_TOKEN',
    // Jobs that are not kept once they ended cost webhooks their answer.
    'N8N_EXECUTIONS_QUEUE_KEEP_LAST_COMPLETED',
  ]) {
    assert.equal(new Set(read(name)).size, 1, name)
    assert.ok(read(name)[0] !== undefined, name)
  }
})

test('a worker has its task runner beside it, as a sidecar that outlives it; the others have none', () => {
  const sidecars = deployments(all('staging')).map((one) =>
    (one.spec?.template.spec?.initContainers ?? []).map(
      ({ name, restartPolicy }) => `${name} ${restartPolicy}`,
    ),
  )
  assert.deepEqual(sidecars, [[], [], [], ['runner Always']])
  assert.deepEqual(
    deployments(all('staging')).map((one) => containersOf(one).map(({ name }) => name)),
    [['n8n'], ['n8n'], ['n8n'], ['n8n', 'runner']],
  )
})

test('the same settings give the same objects, byte for byte', () => {
  assert.equal(JSON.stringify(all('staging')), JSON.stringify(all('staging')))
})

test('a changed password restarts every pod', () => {
  const checksums = (more?: Record<string, string>) =>
    deployments(all('staging', more)).map(
      (one) => one.spec?.template.metadata?.annotations?.['keybuzz.io/checksum'],
    )
  const before = checksums()
  for (const [index, checksum] of checksums({ REDIS_PASSWORD: 'another-one' }).entries())
    assert.notEqual(checksum, before[index])
})

test('two environments share neither namespace, database nor queue', () => {
  const names = (env: string) =>
    new Set(all(env).map(({ metadata }) => metadata?.namespace ?? metadata?.name))
  assert.deepEqual(names('staging'), new Set(['n8n-staging']))
  assert.deepEqual(names('prod'), new Set(['n8n']))
  assert.notEqual(databaseOf(settingsFor('staging')).name, databaseOf(settingsFor('dev')).name)
})

test('hooks go to the webhook processes, MCP to its one, everything else to main', () => {
  const [one] = ingress(settingsFor('staging'))
  const paths = (
    one as {
      spec: { rules: { http: { paths: { path: string; backend: { service: { name: string } } }[] } }[] }
    }
  ).spec.rules[0]?.http.paths
  const serviceOf = (path: string) =>
    paths?.find((candidate) => candidate.path === path)?.backend.service.name
  assert.equal(serviceOf('/webhook'), 'n8n-webhook')
  assert.equal(serviceOf('/form-waiting'), 'n8n-webhook')
  assert.equal(serviceOf('/mcp'), 'n8n-mcp')
  assert.equal(serviceOf('/'), 'n8n')
})

test('the role may open as many connections as all its pods at their maximum, and one more of each that is rolled', () => {
  assert.equal(databaseOf(settingsFor('staging')).connections, 4 + 2 + (4 + 1) * 2 + (6 + 1) * 4)
})

test('mail settings appear only when there is a relay', () => {
  const names = (more?: Record<string, string>) =>
    containersOf(deployments(all('staging', more))[0] as Deployment).flatMap(
      ({ env }) => env?.map(({ name }) => name) ?? [],
    )
  assert.ok(!names().some((name) => name.startsWith('N8N_SMTP')))
  assert.ok(names({ SMTP_HOST: '192.0.2.25' }).includes('N8N_SMTP_HOST'))
})

test('only webhook processes serve on until their address has left the Services: main would keep its successor waiting', () => {
  const seconds = deployments(all('staging')).map(
    (one) => containersOf(one)[0]?.lifecycle?.preStop?.sleep?.seconds,
  )
  assert.deepEqual(seconds, [undefined, 5, undefined, undefined])
})
