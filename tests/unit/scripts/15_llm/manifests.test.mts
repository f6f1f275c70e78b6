import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { parse } from 'yaml'
import type {
  ConfigMap,
  Container,
  Deployment,
  Ingress,
  Job,
  Manifest,
  PersistentVolumeClaim,
  PodDisruptionBudget,
  Secret,
  StatefulSet,
} from '../../../../lib/kube/types.mts'
import type { Setting, SettingsView } from '../../../../lib/settings/settings.mts'
import { jobs } from '../../../../scripts/15_llm/jobs.mts'
import { backends, databaseOf } from '../../../../scripts/15_llm/backends.mts'
import { llm } from '../../../../scripts/15_llm/module.mts'
import type { LlmSettings } from '../../../../scripts/15_llm/settings.mts'
import { makeAuthority } from '../../backends/authority.mts'
import { models, saved, services, settingsFor } from './settings.mts'

const images = { litellm: 'litellm:1.108.14', qdrant: 'qdrant:1.19.0-unprivileged' }
const all = (settings: LlmSettings, of = images): Manifest[] =>
  Object.values(llm.objects(settings, of)).flat()
const find = <M extends Manifest>(manifests: Manifest[], kind: string, name: string): M => {
  const found = manifests.find((one) => one.kind === kind && one.metadata?.name?.startsWith(name))
  assert.ok(found, `${kind} ${name}`)
  return found as M
}
const containerOf = (one: Deployment | StatefulSet | Job): Container => {
  const [first] = one.spec?.template.spec?.containers ?? []
  assert.ok(first)
  return first
}
const valueOf = ({ env = [] }: Container, name: string) => env.find((one) => one.name === name)
const configIn = (manifests: Manifest[]) =>
  parse(find<ConfigMap>(manifests, 'ConfigMap', 'litellm-config').data?.['config.yaml'] ?? '') as {
    model_list: { model_name: string; litellm_params: Record<string, unknown> }[]
    general_settings: Record<string, unknown> & { coordination_redis: Record<string, unknown> }
    router_settings: { optional_pre_call_checks: string[] }
  }

const view: SettingsView = { env: 'staging', text: () => undefined }
const ruleOf = (key: string): Setting => {
  const settings: readonly Setting[] = llm.settings
  const found = settings.find((one) => one.key === key)
  assert.ok(found)
  return found
}

test('two pods or more on several nodes, a budget, and time for streams that are under way', () => {
  const manifests = all(settingsFor())
  const one = find<Deployment>(manifests, 'Deployment', 'litellm')
  assert.equal(one.spec?.replicas, undefined)
  const scaler = find<Manifest & { spec: { minReplicas: number; maxReplicas: number } }>(
    manifests,
    'HorizontalPodAutoscaler',
    'litellm',
  )
  assert.deepEqual([scaler.spec.minReplicas, scaler.spec.maxReplicas], [2, 4])
  assert.equal(find<PodDisruptionBudget>(manifests, 'PodDisruptionBudget', 'litellm').spec?.maxUnavailable, 1)
  const pod = one.spec?.template.spec
  assert.ok((pod?.terminationGracePeriodSeconds ?? 0) >= 120)
  assert.equal(pod?.topologySpreadConstraints?.[0]?.topologyKey, 'kubernetes.io/hostname')
  const main = containerOf(one)
  assert.ok(main.lifecycle?.preStop)
  // Without it LiteLLM takes a random port when 4000 is taken.
  assert.equal(main.args?.[main.args.indexOf('--port') + 1], '4000')
  const shutdown = Number(valueOf(main, 'GRACEFUL_SHUTDOWN_TIMEOUT')?.value)
  assert.ok(shutdown < (pod?.terminationGracePeriodSeconds ?? 0))
})

test('the pods do not migrate and are no development server; readiness begins with a database, not with a 200', () => {
  const main = containerOf(find<Deployment>(all(settingsFor()), 'Deployment', 'litellm'))
  assert.equal(valueOf(main, 'DISABLE_SCHEMA_UPDATE')?.value, 'true')
  assert.equal(valueOf(main, 'LITELLM_MODE')?.value, 'PRODUCTION')
  assert.match(main.startupProbe?.exec?.command?.join(' ') ?? '', /health\/readiness[^]*== "connected"/)
  assert.equal(main.livenessProbe?.httpGet?.path, '/health/liveliness')
  assert.equal(main.readinessProbe?.httpGet?.path, '/health/readiness')
})

test('every api_key, password and master key of the configuration is a name', () => {
  const { model_list, general_settings } = configIn(all(settingsFor()))
  assert.equal(general_settings['master_key'], 'os.environ/LITELLM_MASTER_KEY')
  assert.equal(general_settings.coordination_redis['password'], 'os.environ/REDIS_PASSWORD')
  for (const { litellm_params } of model_list)
    if ('api_key' in litellm_params) assert.match(String(litellm_params['api_key']), /^os\.environ\/[A-Z_]+$/)
})

test('the models of the file, and the two of the checks, of which one has a limit', () => {
  const { model_list, router_settings } = configIn(all(settingsFor()))
  assert.deepEqual(
    model_list.map(({ model_name }) => model_name),
    ['gpt-4o', 'local', 'keybuzz-check', 'keybuzz-check-limited'],
  )
  assert.deepEqual(model_list[0]?.litellm_params, {
    model: 'openai/gpt-4o',
    api_key: 'os.environ/OPENAI_API_KEY',
    rpm: 600,
  })
  assert.deepEqual(model_list[3]?.litellm_params['rpm'], 3)
  assert.deepEqual(router_settings.optional_pre_call_checks, ['enforce_model_rate_limits'])
})

test('Redis is named, never found by chance; away, it lets no limit slip', () => {
  const { general_settings } = configIn(all(settingsFor()))
  assert.deepEqual(general_settings.coordination_redis, {
    host: '192.0.2.11',
    port: 6379,
    db: 10,
    password: 'os.environ/REDIS_PASSWORD',
  })
  assert.equal(general_settings['fail_closed_rate_limit_enforcement'], true)
  const main = containerOf(find<Deployment>(all(settingsFor()), 'Deployment', 'litellm'))
  assert.equal(valueOf(main, 'REDIS_HOST'), undefined)
})

test('TLS to PostgreSQL and Redis, in the words LiteLLM reads', () => {
  const { ca } = makeAuthority()
  const more = { POSTGRES_TLS: 'verify', POSTGRES_CA: ca, REDIS_TLS: 'verify', REDIS_CA: ca }
  const manifests = all(settingsFor(more))
  const main = containerOf(find<Deployment>(manifests, 'Deployment', 'litellm'))
  assert.equal(valueOf(main, 'DATABASE_SSLMODE')?.value, 'verify-full')
  assert.equal(valueOf(main, 'DATABASE_SSLROOTCERT')?.value, '/etc/keybuzz/backends/POSTGRES_CA')
  const redis = configIn(manifests).general_settings.coordination_redis
  assert.deepEqual(
    [redis['ssl'], redis['ssl_cert_reqs'], redis['ssl_ca_certs']],
    [true, 'required', '/etc/keybuzz/backends/REDIS_CA'],
  )
  const loose = configIn(all(settingsFor({ REDIS_TLS: 'require' }))).general_settings.coordination_redis
  assert.deepEqual([loose['ssl'], loose['ssl_cert_reqs'], 'ssl_ca_certs' in loose], [true, 'none', false])
})

test('passwords of every kind of character stand alone in their own variables', () => {
  const nasty = `a%@:/#?'"\\$(HOME)&+`
  const manifests = all(settingsFor({ LITELLM_POSTGRES_PASSWORD: nasty, REDIS_PASSWORD: `${nasty} b` }))
  const secret = find<Secret>(manifests, 'Secret', 'litellm')
  const clear = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString()
  assert.equal(clear('LITELLM_POSTGRES_PASSWORD'), nasty)
  assert.equal(clear('REDIS_PASSWORD'), `${nasty} b`)
  const main = containerOf(find<Deployment>(manifests, 'Deployment', 'litellm'))
  assert.equal(valueOf(main, 'DATABASE_PASSWORD')?.valueFrom?.secretKeyRef?.key, 'LITELLM_POSTGRES_PASSWORD')
  assert.equal(valueOf(main, 'DATABASE_HOST')?.value, '192.0.2.10:5432')
  assert.equal(valueOf(main, 'DATABASE_URL'), undefined)
  const rule = ruleOf('LITELLM_POSTGRES_PASSWORD')
  assert.match(rule.validate?.('a b', view) ?? '', /must not have a space/)
})

test('LiteLLM’s escaping of an address keeps every character of a password but a space', () => {
  const escaped = (text: string): string =>
    execFileSync(
      'python3',
      ['-c', 'import sys, urllib.parse as u; print(u.quote_plus(sys.stdin.read()), end="")'],
      {
        input: text,
        encoding: 'utf8',
      },
    )
  const printable = Array.from({ length: 94 }, (_, at) => String.fromCodePoint(33 + at)).join('')
  assert.equal(decodeURIComponent(escaped(`${printable}é€`)), `${printable}é€`)
  assert.equal(decodeURIComponent(escaped('a b')), 'a+b')
})

test('one Job reads the configuration, one migrates: once for its version, whatever the models are', () => {
  const namesOf = (settings: LlmSettings, of = images) =>
    jobs(settings, of).map(({ metadata }) => metadata?.name)
  const before = namesOf(settingsFor())
  const other = namesOf(settingsFor({ MODELS_YML: models.replace('600', '60') }))
  assert.notEqual(other[0], before[0])
  assert.equal(other[1], before[1])
  const newer = namesOf(settingsFor(), { ...images, litellm: 'litellm:1.108.15' })
  assert.notEqual(newer[1], before[1])
  const [validate, migrate] = jobs(settingsFor(), images)
  assert.ok(validate && migrate)
  assert.ok(containerOf(validate).args?.includes('--validate_config'))
  assert.ok(containerOf(migrate).args?.includes('--skip_server_startup'))
  assert.equal(valueOf(containerOf(migrate), 'DISABLE_SCHEMA_UPDATE'), undefined)
  assert.equal(valueOf(containerOf(migrate), 'OPENAI_API_KEY'), undefined)
  assert.equal(valueOf(containerOf(migrate), 'LITELLM_MIGRATION_DIR')?.value, '/tmp/migrations')
  assert.equal(migrate.spec?.backoffLimit, 0)
  assert.ok((migrate.spec?.activeDeadlineSeconds ?? 0) > 1200)
})

test('another list of models, or another key it uses, rolls the pods; a key it does not use does not', () => {
  const checksum = (more: Record<string, string>) =>
    JSON.stringify(
      find<Deployment>(all(settingsFor(more)), 'Deployment', 'litellm').spec?.template.metadata?.annotations,
    )
  const before = checksum({})
  assert.equal(checksum({}), before)
  assert.notEqual(checksum({ MODELS_YML: models.replace('600', '60') }), before)
  assert.notEqual(
    checksum({ KEYS_ENV: "OPENAI_API_KEY='another-key'\nHF_TOKEN='token-of-the-tests'\n" }),
    before,
  )
  assert.equal(
    checksum({ KEYS_ENV: "OPENAI_API_KEY='provider-key-of-the-tests'\nHF_TOKEN='another-token'\n" }),
    before,
  )
})

test('another master key rolls the pods of LiteLLM and of the checks, and makes no Job again', () => {
  const annotations = (name: string, more = {}) =>
    JSON.stringify(
      find<Deployment>(all(settingsFor(more)), 'Deployment', name).spec?.template.metadata?.annotations,
    )
  const more = { LITELLM_MASTER_KEY: `sk-${'another-'.repeat(5)}` }
  for (const name of ['litellm', 'llm-checks']) assert.notEqual(annotations(name, more), annotations(name))
  const jobNames = (settings: LlmSettings) =>
    all(settings).flatMap(({ kind, metadata }) => (kind === 'Job' ? [metadata?.name] : []))
  assert.deepEqual(jobNames(settingsFor(more)), jobNames(settingsFor()))
})

test('Qdrant: one unprivileged pod, a key, no telemetry, no fetching of addresses, a volume that stays', () => {
  const manifests = all(settingsFor())
  const one = find<StatefulSet>(manifests, 'StatefulSet', 'qdrant')
  assert.equal(one.spec?.replicas, 1)
  assert.equal(one.spec.volumeClaimTemplates, undefined)
  const main = containerOf(one)
  assert.equal(main.image, images.qdrant)
  assert.equal(one.spec.template.spec?.securityContext?.runAsUser, 1000)
  assert.equal(one.spec.template.spec?.securityContext?.fsGroup, 1000)
  assert.equal(main.securityContext?.readOnlyRootFilesystem, true)
  assert.equal(valueOf(main, 'QDRANT__SERVICE__API_KEY')?.valueFrom?.secretKeyRef?.name, 'qdrant')
  assert.equal(valueOf(main, 'QDRANT__TELEMETRY_DISABLED')?.value, 'true')
  assert.equal(valueOf(main, 'QDRANT__SERVICE__ENABLE_SNAPSHOT_URL_RECOVERY')?.value, 'false')
  const claim = find<PersistentVolumeClaim>(manifests, 'PersistentVolumeClaim', 'qdrant-storage')
  assert.deepEqual(claim.spec?.resources?.requests, { storage: '10Gi' })
  assert.equal(claim.spec?.storageClassName, undefined)
  const grown = all(settingsFor({ QDRANT_STORAGE: '20Gi', QDRANT_STORAGE_CLASS: 'fast' }))
  const bigger = find<PersistentVolumeClaim>(grown, 'PersistentVolumeClaim', 'qdrant-storage')
  assert.deepEqual(
    [bigger.spec?.resources?.requests?.['storage'], bigger.spec?.storageClassName],
    ['20Gi', 'fast'],
  )
  assert.ok(!JSON.stringify(manifests.filter(({ kind }) => kind === 'Ingress')).includes('qdrant'))
})

test('with an external vector store there is no Qdrant, and services get its address', () => {
  const settings = settingsFor({
    VECTOR_STORE_URL: 'https://vectors.example.com',
    SERVICES_YML: services.replace(', QDRANT_API_KEY', ''),
  })
  const manifests = all(settings)
  assert.ok(!manifests.some(({ kind, metadata }) => kind === 'StatefulSet' || metadata?.name === 'qdrant'))
  const one = containerOf(find<Deployment>(manifests, 'Deployment', 'embedder'))
  assert.equal(valueOf(one, 'QDRANT_URL')?.value, 'https://vectors.example.com')
  assert.match(llm.notProven(settings).join('\n'), /external vector store/)
})

test('an image of a service by its tag is taken, and the report says so; one by its digest is not named there', () => {
  const lines = (text: string) => llm.notProven(settingsFor({ SERVICES_YML: text })).join('\n')
  assert.match(lines(services), /The image of embedder is named by a tag/)
  assert.doesNotMatch(lines(services.replace(':1.9.4', `@sha256:${'a'.repeat(64)}`)), /named by a tag/)
})

test('a key that leaves the cluster unencrypted is a warning with the address and the file', () => {
  const withStore = (VECTOR_STORE_URL: string) =>
    llm.inClear(settingsFor({ VECTOR_STORE_URL, SERVICES_YML: services.replace(', QDRANT_API_KEY', '') }))
  const [warning, ...others] = withStore('http://10.0.0.70:6333')
  assert.deepEqual(others, [])
  assert.match(warning?.text ?? '', /vector store 10\.0\.0\.70:6333 is not encrypted: its key/)
  assert.match(
    warning?.fix ?? '',
    /VECTOR_STORE_URL an https:\/\/ address in credentials\/staging\/15_llm\.env$/,
  )
  for (const url of ['https://10.0.0.70:6333', 'http://qdrant.vectors.svc:6333', 'http://qdrant:6333'])
    assert.deepEqual(withStore(url), [], url)
  const model = (base: string, key = '    key: OPENAI_API_KEY\n') =>
    llm.inClear(
      settingsFor({
        MODELS_YML: `models:\n  - alias: near\n    model: openai/near\n${key}    base: ${base}\n`,
      }),
    )
  assert.match(
    model('http://gpu.example.com:8000/v1')[0]?.text ?? '',
    /model near at gpu\.example\.com:8000 /,
  )
  assert.match(model('http://gpu.example.com:8000/v1')[0]?.fix ?? '', /15_llm\.models\.yml$/)
  assert.deepEqual(model('http://gpu.example.com:8000/v1', ''), [])
  assert.deepEqual(model('http://vllm:8000/v1'), [])
})

test('a service: Deployment, Service, probes, its own keys, a budget with two pods; an Ingress only with a host', () => {
  const manifests = all(settingsFor({ SERVICES_YML: services }))
  const one = find<Deployment>(manifests, 'Deployment', 'embedder')
  const main = containerOf(one)
  assert.equal(one.spec?.replicas, 2)
  assert.equal(main.readinessProbe?.httpGet?.path, '/health')
  assert.ok(main.startupProbe && main.livenessProbe)
  assert.deepEqual(main.resources?.limits, { cpu: '2', memory: '2Gi', 'ephemeral-storage': '2Gi' })
  assert.equal(valueOf(main, 'HF_TOKEN')?.valueFrom?.secretKeyRef?.name, 'llm-keys')
  assert.equal(valueOf(main, 'QDRANT_API_KEY')?.valueFrom?.secretKeyRef?.name, 'qdrant')
  assert.equal(valueOf(main, 'OPENAI_API_KEY'), undefined)
  assert.equal(valueOf(main, 'LITELLM_URL')?.value, 'http://litellm:4000')
  assert.ok(find(manifests, 'PodDisruptionBudget', 'embedder'))
  assert.ok(find(manifests, 'Service', 'embedder'))
  const alone = all(settingsFor({ SERVICES_YML: services.replace(/ {4}(replicas|host).*\n/g, '') }))
  assert.ok(
    !alone.some(
      ({ kind, metadata }) => kind !== 'Deployment' && kind !== 'Service' && metadata?.name === 'embedder',
    ),
  )
})

test('a service as root: its namespace is baseline, its root filesystem writable, and it has no other right', () => {
  const manifests = all(settingsFor({ SERVICES_YML: services.replace('uid: 1000', 'root: true') }))
  const namespace = manifests.find(({ kind }) => kind === 'Namespace')
  assert.equal(namespace?.metadata?.labels?.['pod-security.kubernetes.io/enforce'], 'baseline')
  const one = find<Deployment>(manifests, 'Deployment', 'embedder')
  assert.equal(one.spec?.template.spec?.securityContext?.runAsUser, 0)
  assert.deepEqual(containerOf(one).securityContext, {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: false,
  })
})

test('nothing on the way may collect a stream; health, metrics and the interface are not published unless asked', () => {
  const [ingress] = all(settingsFor()).filter((one): one is Ingress => one.kind === 'Ingress')
  const annotations = ingress?.metadata?.annotations ?? {}
  const of = (key: string) => annotations[`nginx.ingress.kubernetes.io/${key}`]
  assert.deepEqual(
    [of('proxy-buffering'), of('proxy-request-buffering'), of('proxy-read-timeout')],
    ['off', 'off', '600'],
  )
  assert.ok(Number.parseInt(of('proxy-body-size') ?? '') >= 50)
  const paths = (one: Ingress | undefined) => one?.spec?.rules?.[0]?.http?.paths.map(({ path }) => path) ?? []
  assert.ok(paths(ingress).includes('/v1'))
  for (const path of ['/', '/health', '/metrics', '/ui', '/docs'])
    assert.ok(!paths(ingress).includes(path), path)
  const main = containerOf(find<Deployment>(all(settingsFor()), 'Deployment', 'litellm'))
  assert.equal(valueOf(main, 'DISABLE_ADMIN_UI')?.value, 'True')
  const asked = all(settingsFor({ LITELLM_ADMIN_UI: 'true' }))
  assert.deepEqual(paths(asked.find((one): one is Ingress => one.kind === 'Ingress')), ['/'])
  assert.equal(
    valueOf(containerOf(find<Deployment>(asked, 'Deployment', 'litellm')), 'DISABLE_ADMIN_UI'),
    undefined,
  )
})

test('its connections are counted at their most: pods times 10, one more while they roll, and the Job', () => {
  assert.equal(databaseOf(settingsFor()).connections, (4 + 1) * 10 + 5)
  assert.deepEqual(backends(settingsFor()).redis, { database: 10, owner: 'staging/15_llm' })
  assert.equal(databaseOf(settingsFor({}, 'prod')).name, 'llm')
})

test('the salt key alone can never be replaced; the two keys are not the same one', () => {
  const kept = llm.settings.filter((one) => 'keep' in one).map(({ key }) => key)
  assert.deepEqual(kept, ['LITELLM_SALT_KEY'])
  const rule = ruleOf('LITELLM_MASTER_KEY')
  assert.match(rule.generate?.() ?? '', /^sk-\w{32,}$/)
  for (const bad of ['sk-1234', 'a'.repeat(40), '']) assert.ok(rule.validate?.(bad, view), bad)
  assert.deepEqual(llm.validate(settingsFor()), [])
  const same = saved['LITELLM_MASTER_KEY'] ?? ''
  assert.match(llm.validate(settingsFor({ LITELLM_SALT_KEY: same })).join(), /are the same/)
})

test('lost files are filled again from a Secret that no pod reads', () => {
  const manifests = all(settingsFor({ SERVICES_YML: services }))
  const secret = find<Secret>(manifests, 'Secret', 'llm-files')
  assert.deepEqual(Object.keys(secret.data ?? {}), ['MODELS_YML', 'KEYS_ENV', 'SERVICES_YML'])
  assert.equal(Buffer.from(secret.data?.['MODELS_YML'] ?? '', 'base64').toString(), models)
  assert.ok(!manifests.some((one) => one !== secret && JSON.stringify(one).includes('llm-files')))
})

test('an uninstall says that the database and the volume stay; a rollback asks the last migration', () => {
  assert.match(
    llm.stays(settingsFor()).join('\n'),
    /database and role llm_staging[^]*volume claim qdrant-storage[^]*LITELLM_SALT_KEY.*dumps/,
  )
  const { lastMigration, restore, backup, dump } = llm.schema(settingsFor())
  // An upgrade requires the file that the first line of the backup writes.
  assert.equal(dump, 'credentials/staging/llm.dump')
  assert.match(backup[0] ?? '', / --file credentials\/staging\/llm\.dump llm_staging /)
  assert.equal(backup[1], 'test -s credentials/staging/llm.dump   # an empty file is no backup: do not go on')
  assert.match(restore[1] ?? '', / credentials\/staging\/llm\.dump /)
  assert.match(lastMigration, /_prisma_migrations/)
  assert.match(backup.join('\n'), /pg_dump[^]*LITELLM_SALT_KEY[^]*Qdrant by its API, never its folder/)
  assert.match(restore[0] ?? '', /scale deployment litellm --replicas 0/)
})

test('what lowers the request or the pods of a workload is told where a setting does', () => {
  const sized = (workload: string, more = {}) =>
    llm.sizedBy(settingsFor({ SERVICES_YML: services, ...more }), workload)
  assert.equal(
    sized('embedder'),
    'lower resources or replicas of embedder in credentials/staging/15_llm.services.yml',
  )
  assert.match(sized('qdrant') ?? '', /VECTOR_STORE_URL/)
  const external = {
    VECTOR_STORE_URL: 'https://vectors.example.com',
    SERVICES_YML: services.replace(', QDRANT_API_KEY', ''),
  }
  assert.deepEqual([sized('litellm'), sized('qdrant', external)], [undefined, undefined])
})
