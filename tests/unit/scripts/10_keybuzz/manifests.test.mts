import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import type {
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  Ingress,
  Manifest,
  Secret,
} from '../../../../lib/kube/types.mts'
import { password } from '../../../../lib/settings/generators.mts'
import { resolve, typed } from '../../../../lib/settings/settings.mts'
import { redact, sensitive } from '../../../../lib/base/sensitive.mts'
import { valuesIn } from '../../../../lib/settings/env-values.mts'
import { problemsOfFile } from '../../../../scripts/10_keybuzz/env-files.mts'
import { urls } from '../../../../scripts/10_keybuzz/environment.mts'
import { migrations } from '../../../../scripts/10_keybuzz/migration.mts'
import { configuration, ingress, prerequisites, workload } from '../../../../scripts/10_keybuzz/manifests.mts'
import { databaseOf } from '../../../../scripts/10_keybuzz/backends.mts'
import { names } from '../../../../scripts/10_keybuzz/names.mts'
import { keybuzz } from '../../../../scripts/10_keybuzz/module.mts'
import type { KeybuzzSettings } from '../../../../scripts/10_keybuzz/settings.mts'

const saved = {
  DOMAIN: 'staging.example.com',
  OPERATOR_EMAIL: 'ops@example.com',
  POSTGRES_HOST: '192.0.2.10',
  POSTGRES_PASSWORD: 'superuser-password',
  REDIS_HOST: '192.0.2.11',
  REDIS_PASSWORD: 'redis-password',
  RABBITMQ_HOST: '192.0.2.12',
  RABBITMQ_PASSWORD: 'rabbit-password',
  API_POSTGRES_PASSWORD: 'role-password',
}
const settingsFor = (env: string, more: Record<string, string> = {}) => {
  const sources = { env, overrides: {}, saved: { ...saved, ...more }, variables: {} }
  return typed(env, resolve([...keybuzz.shared, ...keybuzz.settings], sources)) as KeybuzzSettings
}
const images = {
  'keybuzz-api': 'registry.example.com/api:1.4.0',
  'keybuzz-front': 'registry.example.com/front:1.4.0',
}
const all = (env: string, more?: Record<string, string>): Manifest[] => {
  const settings = settingsFor(env, more)
  return [
    ...prerequisites(settings),
    ...(['api', 'front'] as const).flatMap((part) => [
      ...configuration(settings, part),
      ...workload(settings, images, part),
    ]),
    ...ingress(settings),
  ]
}
const named = <T extends Manifest>(manifests: Manifest[], kind: string, name: string): T =>
  manifests.find((one) => one.kind === kind && one.metadata?.name === name) as T

test('each of the two is Deployment, Service, autoscaler, budget, ConfigMap and Ingress; the API has a Secret', () => {
  const names = all('staging').map(({ kind, metadata }) => `${kind} ${metadata?.name}`)
  const each = [
    'ConfigMap',
    'Deployment',
    'HorizontalPodAutoscaler',
    'Ingress',
    'PodDisruptionBudget',
    'Service',
  ]
  assert.deepEqual(
    names.toSorted(),
    [
      'Namespace keybuzz-staging',
      'Secret keybuzz-api',
      ...each.flatMap((kind) => [`${kind} keybuzz-api`, `${kind} keybuzz-front`]),
    ].toSorted(),
  )
})

for (const part of ['api', 'front'] as const) {
  const one = named<Deployment>(all('staging'), 'Deployment', `keybuzz-${part}`)
  const pod = one.spec?.template.spec
  const [container] = pod?.containers ?? []

  test(`${part}: the pod has no right it does not need`, () => {
    assert.equal(pod?.enableServiceLinks, false)
    assert.equal(pod?.automountServiceAccountToken, false)
    assert.equal(pod?.securityContext?.runAsNonRoot, true)
    assert.equal(pod?.securityContext?.seccompProfile?.type, 'RuntimeDefault')
    assert.deepEqual(container?.securityContext?.capabilities?.drop, ['ALL'])
    assert.equal(container?.securityContext?.readOnlyRootFilesystem, true)
    assert.ok(container?.resources?.requests?.['cpu'] && container.resources.limits?.['memory'])
  })

  test(`${part}: a backend that is away makes pods unready and restarts none`, () => {
    assert.equal(container?.livenessProbe?.httpGet, undefined)
    assert.ok(container?.livenessProbe?.tcpSocket)
    assert.equal(container?.readinessProbe?.httpGet?.path, part === 'api' ? '/health' : '/')
  })

  test(`${part}: a pod that ends serves until its address has left the Services`, () => {
    assert.ok((container?.lifecycle?.preStop?.sleep?.seconds ?? 0) >= 5)
    assert.ok(
      (pod?.terminationGracePeriodSeconds ?? 0) > (container?.lifecycle?.preStop?.sleep?.seconds ?? 0) + 20,
    )
  })

  test(`${part}: its number of pods belongs to its autoscaler, which has a behaviour`, () => {
    assert.equal(one.spec?.replicas, undefined)
    const scaler = named<HorizontalPodAutoscaler>(
      all('staging'),
      'HorizontalPodAutoscaler',
      `keybuzz-${part}`,
    )
    assert.equal(scaler.apiVersion, 'autoscaling/v2')
    assert.equal(scaler.spec?.maxReplicas, 8)
    assert.ok(scaler.spec?.behavior?.scaleUp && scaler.spec.behavior.scaleDown)
  })
}

test('a changed password, value or own variable restarts the pods that read it, and no others', () => {
  const checksum = (part: string, more?: Record<string, string>) =>
    named<Deployment>(all('staging', more), 'Deployment', `keybuzz-${part}`).spec?.template.metadata
      ?.annotations?.['keybuzz.io/checksum']
  for (const more of [
    { REDIS_PASSWORD: 'another-one' },
    { API_POOL: '9' },
    { API_ENV: "STRIPE_KEY='sk-1'\n" },
  ]) {
    assert.notEqual(checksum('api', more), checksum('api'), JSON.stringify(more))
    assert.equal(checksum('front', more), checksum('front'), JSON.stringify(more))
  }
})

test('an own file becomes a Secret the pods read, and one from which a lost file is filled again', () => {
  const text = "# keys\nSTRIPE_KEY='sk-12345678'\nDEBUG='no'\n"
  const manifests = all('staging', { API_ENV: text })
  const decoded = (name: string) =>
    Object.fromEntries(
      Object.entries(named<Secret>(manifests, 'Secret', name).data ?? {}).map(([key, value]) => [
        key,
        Buffer.from(value, 'base64').toString(),
      ]),
    )
  assert.deepEqual(decoded('keybuzz-api-env'), { STRIPE_KEY: 'sk-12345678', DEBUG: 'no' })
  assert.deepEqual(decoded('keybuzz-api-file'), { API_ENV: text })
  const [container] =
    named<Deployment>(manifests, 'Deployment', 'keybuzz-api').spec?.template.spec?.containers ?? []
  assert.ok(container?.envFrom?.some(({ secretRef }) => secretRef?.name === 'keybuzz-api-env'))
  assert.ok(!JSON.stringify(container).includes('keybuzz-api-file'))
})

test('a migration is a Job of its own for each image and command, with what the API reads, and no right more', () => {
  const one = (more: Record<string, string> = {}, tag = '1.4.0') =>
    migrations(settingsFor('staging', { API_MIGRATE: 'npm run migrate', ...more }), {
      ...images,
      'keybuzz-api': `registry.example.com/api:${tag}`,
    })[0]
  const pod = one()?.spec?.template.spec
  const [container] = pod?.containers ?? []
  assert.deepEqual(container?.args, ['npm', 'run', 'migrate'])
  assert.equal(container?.securityContext?.readOnlyRootFilesystem, true)
  assert.equal(pod?.securityContext?.runAsNonRoot, true)
  const [server] =
    named<Deployment>(all('staging'), 'Deployment', 'keybuzz-api').spec?.template.spec?.containers ?? []
  assert.deepEqual([container?.env, container?.envFrom], [server?.env, server?.envFrom])
  const name = one()?.metadata?.name
  assert.equal(one()?.metadata?.name, name)
  assert.notEqual(one({}, '1.5.0')?.metadata?.name, name)
  assert.notEqual(one({ API_MIGRATE: 'npm run other' })?.metadata?.name, name)
  // A new password is no reason to migrate again.
  assert.equal(one({ API_POSTGRES_PASSWORD: 'another-one' })?.metadata?.name, name)
  assert.deepEqual(migrations(settingsFor('staging'), images), [])
})

test('no Service and no budget takes the pod of a migration for one of the API', () => {
  const settings = settingsFor('staging', { API_MIGRATE: 'migrate' })
  const labels = migrations(settings, images)[0]?.spec?.template.metadata?.labels ?? {}
  const { spec } = named<Manifest & { spec: { selector: Record<string, string> } }>(
    all('staging'),
    'Service',
    'keybuzz-api',
  )
  assert.ok(Object.entries(spec.selector).some(([key, value]) => labels[key] !== value))
})

test('the schema is told by the tables themselves, unless older versions tolerate newer ones', () => {
  assert.equal(keybuzz.schema(settingsFor('staging'))?.database.name, 'keybuzz_staging')
  assert.equal(keybuzz.schema(settingsFor('staging', { API_SCHEMA_TOLERANT: 'true' })), undefined)
})

const badFiles: [string, string, RegExp][] = [
  ['an unquoted value', "GOOD='1'\nBAD=2\n", /10_keybuzz\.api\.env line 2: it is not of the form/],
  ['a name twice', "A='1'\nA='2'\n", /line 2: A is there twice/],
  ['a file that is cut off', "A='1'\nB='2", /line 2: the file ends in the middle/],
  [
    'a name the kit gives',
    "A='1'\nDATABASE_URL='postgres://elsewhere'\n",
    /line 2: DATABASE_URL is given by the kit/,
  ],
  ['a name in lower case', "port='1'\n", /line 1: /],
]
for (const [what, text, words] of badFiles) {
  test(`an own file with ${what} is refused with its line, without its value`, () => {
    const problem = problemsOfFile('10_keybuzz.api.env')(text) ?? ''
    assert.match(problem, words)
    assert.ok(!problem.includes('elsewhere'))
  })
}

test('every name the kit gives is refused in an own file: two values would be a matter of luck', () => {
  const given = named<ConfigMap>(all('staging'), 'ConfigMap', 'keybuzz-api').data ?? {}
  const [container] =
    named<Deployment>(all('staging'), 'Deployment', 'keybuzz-api').spec?.template.spec?.containers ?? []
  for (const name of [...Object.keys(given), ...(container?.env ?? []).map(({ name }) => name)])
    assert.match(problemsOfFile('any')(`${name}='1234'\n`) ?? '', /given by the kit/, name)
})

test('two environments share neither namespace, database nor role', () => {
  assert.equal(names.namespace('staging'), 'keybuzz-staging')
  assert.equal(names.namespace('prod'), 'keybuzz')
  assert.notEqual(databaseOf(settingsFor('staging')).name, databaseOf(settingsFor('dev')).name)
})

test('each part has its own name', () => {
  const same = { API_HOST: 'one.example.com', FRONT_HOST: 'one.example.com' }
  assert.match(keybuzz.validate(settingsFor('dev', same)).join(), /same name/)
  assert.deepEqual(keybuzz.validate(settingsFor('dev')), [])
})

test('the role may open as many connections as all its pods at their most, and the one a rolling update adds', () => {
  assert.equal(databaseOf(settingsFor('staging')).connections, 9 * 5)
})

test('CORS stands on the API’s Ingress alone, and only when origins are named', () => {
  const annotations = (part: string, more?: Record<string, string>) =>
    Object.keys(
      named<Ingress>(all('staging', more), 'Ingress', `keybuzz-${part}`).metadata?.annotations ?? {},
    )
  const origins = { API_CORS_ORIGINS: 'https://shop.example.com' }
  assert.ok(!annotations('api').some((key) => key.includes('cors')))
  assert.ok(annotations('api', origins).some((key) => key.endsWith('enable-cors')))
  assert.ok(!annotations('front', origins).some((key) => key.includes('cors')))
})

test('the size of requests is limited for both names: Traefik limits only what it keeps until it is whole', () => {
  for (const part of ['api', 'front']) {
    const one = named<Ingress>(all('staging'), 'Ingress', `keybuzz-${part}`)
    const { annotations = {} } = one.metadata ?? {}
    assert.equal(annotations['nginx.ingress.kubernetes.io/proxy-body-size'], '50m')
    assert.equal(annotations['nginx.ingress.kubernetes.io/proxy-request-buffering'], 'on')
  }
})

test('a pull Secret is made and named only where there is a registry with an account', () => {
  const account = {
    REGISTRY_SERVER: 'registry.example.com',
    REGISTRY_USER: 'puller',
    REGISTRY_PASSWORD: 'token-1234',
  }
  const pulls = (more?: Record<string, string>) =>
    named<Deployment>(all('staging', more), 'Deployment', 'keybuzz-api').spec?.template.spec?.imagePullSecrets
  assert.equal(pulls(), undefined)
  const [secret] = pulls(account) ?? []
  assert.ok(named(all('staging', account), 'Secret', secret?.name ?? ''))
})

const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('')

test('passwords with every printable character come through the URLs as they were', () => {
  const random = () =>
    Array.from({ length: 24 }, () => printable[Math.floor(Math.random() * printable.length)]).join('')
  const cases = [
    printable,
    ...Array.from({ length: 500 }, random),
    ...Array.from({ length: 20 }, () => password()),
  ]
  for (const text of cases) {
    const made = urls(
      settingsFor('staging', {
        API_POSTGRES_PASSWORD: text,
        REDIS_PASSWORD: text,
        RABBITMQ_PASSWORD: text,
        RABBITMQ_VHOST: `/${text}`,
      }),
    )
    const reads = (name: string) => new URL(made[name]?.reveal() ?? '')
    // As the client libraries read them: pg its own way, the others by WHATWG URL.
    const client = new pg.Client({ connectionString: made['DATABASE_URL']?.reveal() ?? '' })
    assert.equal(client.password, text)
    assert.equal(client.database, 'keybuzz_staging')
    for (const name of ['DATABASE_URL', 'REDIS_URL', 'RABBITMQ_URL'])
      assert.equal(decodeURIComponent(reads(name).password), text, name)
    assert.equal(decodeURIComponent(reads('RABBITMQ_URL').pathname.slice(1)), `/${text}`)
    assert.equal(reads('REDIS_URL').pathname, '/7')
  }
})

test('a short value of an own file is cut out of text when its name says secret; a word such as info is not', () => {
  valuesIn(
    '10_keybuzz.api.env',
    sensitive("ADMIN_PASSWORD='q7Zx'\nLOG_LEVEL='info'\nGREETING='long-enough-1'\n"),
  )
  assert.equal(redact('q7Zx info long-enough-1'), '*** info ***')
})
