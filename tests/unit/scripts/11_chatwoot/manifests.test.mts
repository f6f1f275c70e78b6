import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import type { Deployment, Job, Manifest, PodSpec } from '../../../../lib/kube/types.mts'
import { manifestYaml } from '../../../../lib/kube/apply/plan-text.mts'
import { resolve, typed } from '../../../../lib/settings/settings.mts'
import { brandingJob, prepareJob, superAdminJob } from '../../../../scripts/11_chatwoot/jobs.mts'
import { ingress, prerequisites, workload } from '../../../../scripts/11_chatwoot/manifests.mts'
import { databaseOf } from '../../../../scripts/11_chatwoot/backends.mts'
import { chatwoot } from '../../../../scripts/11_chatwoot/module.mts'
import type { ChatwootSettings } from '../../../../scripts/11_chatwoot/settings.mts'
import { heartbeat, makeSuperAdmin, writeBranding } from '../../../../scripts/11_chatwoot/ruby.mts'

const s3 = { S3_ENDPOINT: 'https://s3.example.com', S3_ACCESS_KEY: 'key', S3_SECRET_KEY: 's3-secret-key' }
const saved = {
  DOMAIN: 'staging.example.com',
  OPERATOR_EMAIL: 'Ops@example.com',
  POSTGRES_HOST: '192.0.2.10',
  POSTGRES_PASSWORD: 'superuser-password',
  REDIS_HOST: '192.0.2.11',
  REDIS_PASSWORD: 'redis-password',
  CHATWOOT_ADMIN_PASSWORD: 'Admin-password-1',
  CHATWOOT_SECRET_KEY_BASE: 'secret-key-base',
  CHATWOOT_ENCRYPTION_PRIMARY_KEY: 'primary-key-primary-key',
  CHATWOOT_ENCRYPTION_DETERMINISTIC_KEY: 'deterministic-key-1',
  CHATWOOT_ENCRYPTION_SALT: 'salt-salt-salt-salt',
  CHATWOOT_POSTGRES_PASSWORD: 'role-password',
}
const settingsFor = (more: Record<string, string> = s3, env = 'staging') => {
  const sources = { env, overrides: {}, saved: { ...saved, ...more }, variables: {} }
  return typed(env, resolve([...chatwoot.shared, ...chatwoot.settings], sources)) as ChatwootSettings
}
const images = { chatwoot: 'chatwoot:4.18.0-ce' }
const jobsOf = (settings: ChatwootSettings): Job[] =>
  [prepareJob, superAdminJob, brandingJob].map((make) => make(settings, images))
const all = (settings: ChatwootSettings): Manifest[] => [
  ...prerequisites(settings),
  ...jobsOf(settings),
  ...workload(settings, images),
  ...ingress(settings),
]
const podsOf = (settings: ChatwootSettings): PodSpec[] =>
  all(settings).flatMap((one) => (one as Deployment | Job).spec?.template?.spec ?? [])
const deployments = (settings: ChatwootSettings) =>
  workload(settings, images).filter((one) => one.kind === 'Deployment') as Deployment[]

test('every pod, those of Jobs too, has no right it does not need', () => {
  assert.equal(podsOf(settingsFor()).length, 5)
  for (const pod of podsOf(settingsFor())) {
    assert.equal(pod.enableServiceLinks, false)
    assert.equal(pod.securityContext?.runAsNonRoot, true)
    assert.equal(pod.securityContext?.seccompProfile?.type, 'RuntimeDefault')
    for (const { securityContext, resources } of pod.containers) {
      assert.deepEqual(securityContext?.capabilities?.drop, ['ALL'])
      assert.equal(securityContext?.allowPrivilegeEscalation, false)
      assert.equal(securityContext?.readOnlyRootFilesystem, true)
      assert.ok(resources?.limits?.['memory'])
    }
  }
})

test('CHATWOOT_ROOT makes the image’s root writable, and gives no other right', () => {
  for (const { securityContext, containers } of podsOf(settingsFor({ ...s3, CHATWOOT_ROOT: 'true' }))) {
    assert.equal(securityContext?.runAsUser, 0)
    assert.deepEqual(containers[0]?.securityContext?.capabilities?.drop, ['ALL'])
  }
})

test('with S3 both Deployments belong to their autoscaler; without it there is exactly one pod each', () => {
  const kinds = workload(settingsFor(), images).map(({ kind }) => kind)
  assert.equal(kinds.filter((kind) => kind === 'HorizontalPodAutoscaler').length, 2)
  assert.equal(kinds.filter((kind) => kind === 'PodDisruptionBudget').length, 2)
  for (const one of deployments(settingsFor())) assert.equal(one.spec?.replicas, undefined)
  const alone = settingsFor({})
  for (const { spec } of deployments(alone))
    assert.deepEqual([spec?.replicas, spec?.strategy?.type], [1, 'Recreate'])
  assert.ok(!workload(alone, images).some(({ kind }) => kind === 'HorizontalPodAutoscaler'))
  assert.match((chatwoot.notProven?.(alone) ?? []).join(' '), /lost with it/)
})

test('probes come as the ingress does, a worker is asked for its heartbeat', () => {
  const [web, worker] = deployments(settingsFor())
  for (const name of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const)
    assert.deepEqual(web?.spec?.template.spec?.containers[0]?.[name]?.httpGet?.httpHeaders, [
      { name: 'X-Forwarded-Proto', value: 'https' },
    ])
  const command = worker?.spec?.template.spec?.containers[0]?.livenessProbe?.exec?.command
  assert.deepEqual(command?.slice(0, 4), ['bundle', 'exec', 'ruby', '-e'])
})

test('its connections are counted at their most, and its extensions are named', () => {
  const { connections, extensions = [] } = databaseOf(settingsFor())
  assert.equal(connections, 7 * 5 + 5 * 10 + 5)
  assert.deepEqual(
    extensions.map(({ name }) => name),
    ['pg_stat_statements', 'pg_trgm', 'pgcrypto', 'vector'],
  )
  assert.equal(extensions.at(-1)?.packageFor(16), 'postgresql-16-pgvector')
})

test('another brand, image or key makes another Job; the same settings the same', () => {
  const nameOf = (one: Job) => one.metadata?.name
  const before = jobsOf(settingsFor()).map(nameOf)
  assert.deepEqual(jobsOf(settingsFor()).map(nameOf), before)
  const branded = jobsOf(settingsFor({ ...s3, BRAND_LOGO: 'https://example.com/logo.svg' })).map(nameOf)
  assert.deepEqual(
    branded.map((name, at) => name === before[at]),
    [true, true, false],
  )
  const newer = prepareJob(settingsFor(), { chatwoot: 'chatwoot:4.19.0-ce' })
  assert.notEqual(nameOf(newer), before[0])
})

test('no brand becomes another variable of the pod', () => {
  const pod = brandingJob(settingsFor({ ...s3, BRAND_NAME: 'a $(REDIS_PASSWORD) b' }), images)
  const [branding] =
    pod.spec?.template.spec?.containers[0]?.env?.filter(({ name }) => name === 'BRANDING') ?? []
  assert.match(branding?.value ?? '', /a \$\$\(REDIS_PASSWORD\) b/)
})

/** Every printable character, in chunks that a password may be. */
const printable = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join('')

test('a brand of every printable character comes back as it was, through JSON and YAML', () => {
  const brand = `x${printable}x`
  const made = brandingJob(settingsFor({ ...s3, BRAND_NAME: brand }), images)
  const again = parse(manifestYaml(made)) as Job
  const [branding] =
    again.spec?.template.spec?.containers[0]?.env?.filter(({ name }) => name === 'BRANDING') ?? []
  const asThePodSeesIt = (branding?.value ?? '').replaceAll('$$(', '$(')
  assert.equal((JSON.parse(asThePodSeesIt) as Record<string, string>)['BRAND_NAME'], brand)
})

test('what Chatwoot is asked to do holds no value of a setting', () => {
  for (const script of [makeSuperAdmin, writeBranding, heartbeat]) assert.ok(!script.includes('#{'))
})

test('a web pod serves on until its address has left the Services only where another one takes over', () => {
  const seconds = (settings: ChatwootSettings) =>
    deployments(settings).map(
      (one) => one.spec?.template.spec?.containers[0]?.lifecycle?.preStop?.sleep?.seconds,
    )
  assert.deepEqual(seconds(settingsFor()), [10, undefined])
  assert.deepEqual(seconds(settingsFor({})), [undefined, undefined])
})

test('the SDK sends no checksum trailers to S3; a name with a comma stays one sender', () => {
  const more = {
    ...s3,
    BRAND_NAME: 'Acme, Inc. (Support)',
    SMTP_HOST: 'mail.example.com',
    SMTP_FROM: 'ops@example.com',
  }
  for (const { containers } of podsOf(settingsFor(more))) {
    const valueOf = (name: string) => containers[0]?.env?.find((one) => one.name === name)?.value
    assert.equal(valueOf('AWS_REQUEST_CHECKSUM_CALCULATION'), 'when_required')
    assert.equal(valueOf('AWS_RESPONSE_CHECKSUM_VALIDATION'), 'when_required')
    assert.equal(valueOf('MAILER_SENDER_EMAIL'), '"Acme, Inc. (Support)" <ops@example.com>')
  }
})
