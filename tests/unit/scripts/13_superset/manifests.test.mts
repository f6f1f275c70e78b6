import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { root } from '../../../../lib/base/files.mts'
import { manifestYaml } from '../../../../lib/kube/apply/plan-text.mts'
import type {
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  Ingress,
  Job,
  LiveObject,
  Manifest,
  PodSpec,
} from '../../../../lib/kube/types.mts'
import { databaseOf } from '../../../../scripts/13_superset/backends.mts'
import { migrateJob, preflightJob } from '../../../../scripts/13_superset/jobs.mts'
import { ingress, prerequisites, workload } from '../../../../scripts/13_superset/manifests.mts'
import { superset } from '../../../../scripts/13_superset/module.mts'
import { migrate, preflight } from '../../../../scripts/13_superset/python.mts'
import type { SupersetSettings } from '../../../../scripts/13_superset/settings.mts'
import { stoppedWhileMigrating } from '../../../../scripts/13_superset/upgrade.mts'
import { settingsOf } from '../rendered.mts'

const readme = readFileSync(join(root, 'scripts/13_superset/README.md'), 'utf8')
const settingsFor = (more: Record<string, string> = {}) => settingsOf(superset, more) as SupersetSettings
const images = { superset: 'registry.example.com/superset:6.1.0' }
const jobsOf = (settings: SupersetSettings, with_ = images): Job[] => [
  preflightJob(settings, with_),
  migrateJob(settings, with_),
]
const all = (settings: SupersetSettings): Manifest[] => [
  ...prerequisites(settings),
  ...jobsOf(settings),
  ...workload(settings, images),
  ...ingress(settings),
]
const podsOf = (settings: SupersetSettings): PodSpec[] =>
  all(settings).flatMap((one) => (one as Deployment | Job).spec?.template?.spec ?? [])
const deployments = (settings: SupersetSettings) =>
  workload(settings, images).filter((one) => one.kind === 'Deployment') as Deployment[]
const [web, worker, beat] = deployments(settingsFor())
const containerOf = (one: Deployment | Job | undefined) => one?.spec?.template.spec?.containers[0]

test('every pod: a numeric user, a read-only root, no right, no service links, no token', () => {
  const pods = podsOf(settingsFor({ SUPERSET_UID: '1234' }))
  assert.equal(pods.length, 5)
  for (const pod of pods) {
    assert.equal(pod.enableServiceLinks, false)
    assert.equal(pod.automountServiceAccountToken, false)
    assert.equal(pod.securityContext?.runAsNonRoot, true)
    assert.equal(pod.securityContext?.runAsUser, 1234)
    assert.equal(pod.securityContext?.seccompProfile?.type, 'RuntimeDefault')
    for (const { securityContext, resources, volumeMounts = [] } of pod.containers) {
      assert.deepEqual(securityContext?.capabilities?.drop, ['ALL'])
      assert.equal(securityContext?.readOnlyRootFilesystem, true)
      assert.ok(resources?.limits?.['memory'])
      const paths = volumeMounts.map(
        ({ mountPath, readOnly }) => `${mountPath}${readOnly === true ? ' ro' : ''}`,
      )
      assert.deepEqual(paths, ['/app/pythonpath ro', '/app/superset_home', '/tmp'])
    }
  }
})

test('no process is started by a shell; the one shell line ends with exec', () => {
  const firsts = deployments(settingsFor()).map((one) => containerOf(one)?.args?.[0])
  assert.deepEqual(firsts, ['gunicorn', 'celery', 'celery'])
  for (const one of deployments(settingsFor())) assert.equal(containerOf(one)?.command, undefined)
  assert.match(migrate.split('; ').at(-1) ?? '', /^exec /)
})

test('web: gunicorn as the sheet measured it, probes on /health, it lingers while its address goes', () => {
  const { args = [], startupProbe, livenessProbe, readinessProbe, lifecycle } = containerOf(web) ?? {}
  const words = args.join(' ')
  for (const part of [
    '--bind 0.0.0.0:8088 --workers 1 --worker-class gthread --threads 20',
    '--timeout 120 --keep-alive 75',
    '--max-requests 0 --limit-request-line 0 --limit-request-field_size 0 superset.app:create_app()',
  ])
    assert.ok(words.includes(part), part)
  assert.deepEqual(
    [startupProbe?.httpGet?.path, startupProbe?.periodSeconds, startupProbe?.failureThreshold],
    ['/health', 5, 60],
  )
  assert.deepEqual([livenessProbe?.periodSeconds, livenessProbe?.failureThreshold], [30, 3])
  assert.equal(readinessProbe?.httpGet?.path, '/health')
  const seconds = lifecycle?.preStop?.sleep?.seconds ?? 0
  assert.ok(seconds + 30 <= (web?.spec?.template.spec?.terminationGracePeriodSeconds ?? 0))
})

test('worker and beat: no ping of Celery in a probe, and 60 s for the one there is; beat has no pidfile', () => {
  for (const one of [worker, beat]) {
    const { livenessProbe, startupProbe, readinessProbe } = containerOf(one) ?? {}
    for (const probe of [livenessProbe, startupProbe]) {
      assert.ok(!JSON.stringify(probe).includes('inspect'))
      assert.equal(probe?.timeoutSeconds, 60)
    }
    assert.ok((livenessProbe?.periodSeconds ?? 0) * (livenessProbe?.failureThreshold ?? 0) >= 300)
    assert.equal(readinessProbe, undefined)
  }
  assert.match(
    containerOf(worker)?.args?.join(' ') ?? '',
    /worker --pool=prefork -O fair -c 4 --max-tasks-per-child 128$/,
  )
  assert.match(
    containerOf(beat)?.args?.join(' ') ?? '',
    /beat --pidfile= --schedule \/tmp\/celerybeat-schedule/,
  )
})

test('a worker has its queries’ time to end', () => {
  const [, one] = deployments(settingsFor({ SUPERSET_QUERY_SECONDS_MAX: '600' }))
  assert.equal(one?.spec?.template.spec?.terminationGracePeriodSeconds, 630)
})

test('exactly one beat, recreated; web and worker belong to their autoscalers and may lose one pod at a time', () => {
  assert.deepEqual([beat?.spec?.replicas, beat?.spec?.strategy?.type], [1, 'Recreate'])
  assert.deepEqual([web?.spec?.replicas, worker?.spec?.replicas], [undefined, undefined])
  const others = workload(settingsFor(), images)
  for (const kind of ['HorizontalPodAutoscaler', 'PodDisruptionBudget'])
    assert.deepEqual(
      others.filter((one) => one.kind === kind).map(({ metadata }) => metadata?.name),
      ['superset', 'superset-worker'],
    )
  const hpa = others.find(({ kind }) => kind === 'HorizontalPodAutoscaler') as HorizontalPodAutoscaler
  assert.deepEqual([hpa.spec?.minReplicas, hpa.spec?.maxReplicas], [2, 4])
})

test('its connections are counted at their most', () => {
  assert.equal(databaseOf(settingsFor()).connections, 5 * 10 + 5 * 5 + 1 + 5)
  assert.equal(databaseOf(settingsFor({ SUPERSET_WEB_MAX: '2' })).connections, 3 * 10 + 5 * 5 + 1 + 5)
  assert.ok(readme.includes('| together | | 81 |'))
})

test('one Ingress: bodies to 100 MiB, reads to 300 s, no sticky cookie', () => {
  const [one, ...more] = ingress(settingsFor()) as Ingress[]
  assert.equal(more.length, 0)
  assert.deepEqual(one?.metadata?.annotations, {
    'nginx.ingress.kubernetes.io/proxy-body-size': '100m',
    'nginx.ingress.kubernetes.io/proxy-read-timeout': '300',
    'nginx.ingress.kubernetes.io/proxy-send-timeout': '300',
  })
  assert.deepEqual(
    one?.spec?.rules?.map(({ host }) => host),
    ['superset.example.com'],
  )
})

test('a changed setting rolls the pods and not the migration; another image does both; the same settings nothing', () => {
  const nameOf = (one: Job | undefined) => one?.metadata?.name
  const checksums = (settings: SupersetSettings) =>
    deployments(settings).map((one) => one.spec?.template.metadata?.annotations?.['keybuzz.io/checksum'])
  const before = settingsFor()
  const mailing = settingsFor({ SMTP_HOST: 'smtp.example.com' })
  assert.deepEqual(checksums(settingsFor()), checksums(before))
  assert.deepEqual(jobsOf(settingsFor()).map(nameOf), jobsOf(before).map(nameOf))
  for (const [at, checksum] of checksums(mailing).entries()) assert.notEqual(checksum, checksums(before)[at])
  assert.equal(nameOf(migrateJob(mailing, images)), nameOf(migrateJob(before, images)))
  assert.notEqual(nameOf(preflightJob(mailing, images)), nameOf(preflightJob(before, images)))
  const newer = { superset: 'registry.example.com/superset:6.1.1' }
  assert.notEqual(nameOf(migrateJob(before, newer)), nameOf(migrateJob(before, images)))
  const roled = settingsFor({ SUPERSET_POSTGRES_PASSWORD: 'another-password' })
  for (const [at, checksum] of checksums(roled).entries()) assert.notEqual(checksum, checksums(before)[at])
})

test('the administrator’s password restarts nobody, and is in no pod that serves', () => {
  const other = settingsFor({ SUPERSET_ADMIN_PASSWORD: 'another-password' })
  assert.deepEqual(workload(other, images), workload(settingsFor(), images))
  assert.ok(!JSON.stringify(workload(settingsFor(), images)).includes('ADMIN'))
})

test('the migration: one try, 30 minutes, its password by a variable alone', () => {
  const one = migrateJob(settingsFor({ SUPERSET_ADMIN_FIRST_NAME: 'a $(REDIS_PASSWORD) b' }), images)
  assert.equal(one.spec?.backoffLimit, 0)
  assert.equal(one.spec?.activeDeadlineSeconds, 1800)
  const { args = [], env = [] } = containerOf(one) ?? {}
  assert.deepEqual(args, ['sh', '-c', migrate])
  assert.match(migrate, /superset db upgrade; superset init; exec superset fab create-admin$/)
  const named = Object.fromEntries(
    env.map(({ name, value, valueFrom }) => [name, value ?? valueFrom?.secretKeyRef?.key]),
  )
  assert.equal(named['FLASK_FAB_CREATE_ADMIN_PASSWORD'], 'SUPERSET_ADMIN_PASSWORD')
  assert.equal(named['FLASK_FAB_CREATE_ADMIN_USERNAME'], 'admin')
  assert.equal(named['FLASK_FAB_CREATE_ADMIN_FIRSTNAME'], 'a $$(REDIS_PASSWORD) b')
})

test('the configuration comes through YAML as it is', () => {
  const one = prerequisites(settingsFor()).find(({ kind }) => kind === 'ConfigMap') as ConfigMap
  assert.deepEqual((parse(manifestYaml(one)) as ConfigMap).data, one.data)
})

test('what Python is asked holds no value of a setting', () => {
  for (const text of [preflight, migrate])
    assert.ok(!/example|password/i.test(text.replaceAll('no password', '')))
})

const live = (image: string) =>
  ({ spec: { template: { spec: { containers: [{ image }] } } } }) as unknown as LiveObject
for (const [before, image, stopped] of [
  [undefined, 'superset:6.1.0', ['superset-beat', 'superset-worker']],
  ['superset:6.1.0', 'superset:6.2.0', ['superset-beat', 'superset-worker']],
  ['superset:5.0.0', 'superset:6.1.0', ['superset-beat', 'superset-worker', 'superset']],
  [
    'registry.example.com:5000/superset@sha256:1',
    'superset:6.1.0',
    ['superset-beat', 'superset-worker', 'superset'],
  ],
] as const)
  test(`migrating from ${before ?? 'nothing'} to ${image}: ${stopped.join(', ')} have no pod`, () => {
    assert.deepEqual(stoppedWhileMigrating(before === undefined ? undefined : live(before), image), stopped)
  })

test('how its schema is saved: dump, its size, the key; and brought back with every process away', () => {
  const { backup, restore, lastMigration, dump } = superset.schema(settingsFor())
  assert.match(
    backup[0] ?? '',
    /^pg_dump --format=custom .* --username superset_staging --file credentials\/staging\/superset\.dump superset_staging {3}# password: SUPERSET_POSTGRES_PASSWORD in credentials\/staging\/13_superset\.env$/,
  )
  assert.match(backup[1] ?? '', /^test -s credentials\/staging\/superset\.dump /)
  assert.equal(dump, 'credentials/staging/superset.dump')
  assert.match(backup[2] ?? '', /SUPERSET_SECRET_KEY/)
  assert.match(restore[0] ?? '', /scale deployment --all --replicas 0$/)
  assert.match(lastMigration, /alembic_version/)
  assert.match(superset.stays(settingsFor()).join('\n'), /SUPERSET_SECRET_KEY.*dumps/)
})

test('the Dockerfile takes the version of versions.json, installs into the environment, and ends as a number', () => {
  const text = readFileSync(join(root, 'scripts/13_superset/Dockerfile'), 'utf8')
  const versions = JSON.parse(readFileSync(join(root, 'versions.json'), 'utf8')) as Record<
    string,
    { version: string }
  >
  assert.match(text, new RegExp(`^ARG VERSION=${versions['superset']?.version}$`, 'm'))
  assert.match(text, /uv pip install --python \/app\/\.venv\/bin\/python psycopg2-binary==2\.9\.9/)
  assert.deepEqual(text.match(/^USER .*$/gm), ['USER root', 'USER 1000'])
})
