import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../../../lib/base/files.mts'
import type { ConfigMap, Deployment, Job, Manifest } from '../../../../lib/kube/types.mts'
import { makeAuthority } from '../../backends/authority.mts'
import { environmentOf, rendered } from '../rendered.mts'
import { packages, runPython, withoutPython } from './python.mts'

// superset_config.py as it is in the ConfigMap, run by real Python with the environment the pods get.

const python = { skip: withoutPython }

const manifestsFor = (more: Record<string, string> = {}): Manifest[] => rendered['superset']?.(more) ?? []

/** The environment of a pod of a Deployment or Job, by the word in its name. */
function environment(word: string, more: Record<string, string> = {}): Record<string, string> {
  const manifests = manifestsFor(more)
  const one = manifests.find(
    ({ kind, metadata }) =>
      ['Deployment', 'Job'].includes(kind ?? '') &&
      metadata?.name?.replace(/^superset-?/, '').startsWith(word),
  ) as Deployment | Job
  const [container] = one.spec?.template.spec?.containers ?? []
  assert.ok(container)
  return environmentOf(container, manifests)
}

const text =
  (manifestsFor().find(({ kind }) => kind === 'ConfigMap') as ConfigMap).data?.['superset_config.py'] ?? ''

/** Every name in capitals, and what Celery is told. */
const show = `
import json, superset_config as c
names = {name: getattr(c, name) for name in dir(c) if name.isupper() and not callable(getattr(c, name))}
names['CELERY_CONFIG'] = {name: value for name, value in vars(c.CeleryConfig).items() if not name.startswith('__')}
print(json.dumps(names))
`

const run = (env: Record<string, string>, program = show) =>
  runPython(program, { ...packages, 'superset_config.py': text }, env)

function load(env: Record<string, string>): Record<string, any> {
  const { status, stdout, stderr } = run(env)
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout) as Record<string, any>
}

/** What a password may hold. */
const nasty = `%41@:/#?'" é\\$(X)&=+,;[]{}<>!~`

test('no secret is in the ConfigMap, and no setting: it is the same in every environment', python, () => {
  const other = manifestsFor({ SUPERSET_HOST: 'charts.example.com', REDIS_PASSWORD: nasty }).find(
    ({ kind }) => kind === 'ConfigMap',
  ) as ConfigMap
  assert.equal(other.data?.['superset_config.py'], text)
})

for (const part of ['worker', 'migrate'])
  test(`${part}: passwords of every kind come out of the addresses as they went in`, python, () => {
    const env = environment(part, { SUPERSET_POSTGRES_PASSWORD: nasty, REDIS_PASSWORD: nasty })
    const config = load(env)
    const database = new URL(config['SQLALCHEMY_DATABASE_URI'] as string)
    assert.equal(decodeURIComponent(database.password), nasty)
    assert.equal(
      `${database.protocol}//${database.hostname}:${database.port}${database.pathname}${database.search}`,
      'postgresql+psycopg2://db.example.com:5432/superset_staging',
    )
    for (const address of [
      config['REDIS_URL'],
      config['RATELIMIT_STORAGE_URI'],
      config['CELERY_CONFIG'].broker_url,
      config['CELERY_CONFIG'].result_backend,
      config['CACHE_CONFIG'].CACHE_REDIS_URL,
      config['RESULTS_BACKEND'].host.url,
    ]) {
      const redis = new URL(address as string)
      assert.equal(decodeURIComponent(redis.password), nasty)
      assert.equal(
        `${redis.protocol}//${redis.host}${redis.pathname}${redis.search}`,
        'redis://redis.example.com:6379/3',
      )
    }
    assert.equal(config['DISTRIBUTED_COORDINATION_CONFIG'].CACHE_REDIS_PASSWORD, nasty)
  })

const required = [
  ...['HOST', 'PORT', 'DATABASE', 'USER', 'PASSWORD'].map((name) => `POSTGRES_${name}`),
  ...['HOST', 'PORT', 'DB', 'PASSWORD'].map((name) => `REDIS_${name}`),
  'SUPERSET_SECRET_KEY',
  'GUEST_TOKEN_JWT_SECRET',
  'GLOBAL_ASYNC_QUERIES_JWT_SECRET',
]

test('each variable that is missing is named, and no value of another is printed', python, () => {
  const env = environment('migrate')
  for (const name of required) {
    const { [name]: _gone, ...rest } = env
    const { status, stdout, stderr } = run(rest)
    assert.equal(status, 1, name)
    assert.ok(stderr.trimEnd().endsWith(`KeyError: '${name}'`), stderr)
    for (const [other, value] of Object.entries(rest))
      if (/PASSWORD|SECRET|KEY/.test(other)) assert.ok(!`${stdout}${stderr}`.includes(value), other)
  }
})

test('the public test values of Superset are all replaced', python, () => {
  const whole = JSON.stringify(load(environment('worker')))
  for (const value of [
    'test-guest-secret-change-me',
    'test-secret-change-me',
    '"SMTP_PASSWORD": "superset"',
    'sqlite',
  ])
    assert.ok(!whole.includes(value), value)
})

test(
  'cookies, proxies, limits, caches and results are set; documentation, CORS and registration are off',
  python,
  () => {
    const config = load(environment('worker', { PROXY_HOPS: '2' }))
    const wanted = {
      SESSION_COOKIE_SECURE: true,
      SESSION_COOKIE_HTTPONLY: true,
      SESSION_COOKIE_SAMESITE: 'Lax',
      GLOBAL_ASYNC_QUERIES_JWT_COOKIE_SECURE: true,
      ENABLE_PROXY_FIX: true,
      PROXY_FIX_CONFIG: { x_for: 2, x_proto: 1, x_host: 1, x_port: 0, x_prefix: 0 },
      RATELIMIT_ENABLED: true,
      FAB_API_SWAGGER_UI: false,
      ENABLE_CORS: false,
      AUTH_USER_REGISTRATION: false,
      PUBLIC_ROLE_LIKE: null,
      SMTP_SSL_SERVER_AUTH: true,
      SQLALCHEMY_ENGINE_OPTIONS: { pool_size: 5, max_overflow: 5, pool_pre_ping: true, pool_recycle: 25 },
    }
    for (const [name, value] of Object.entries(wanted)) assert.deepEqual(config[name], value, name)
    const caches = ['CACHE', 'DATA_CACHE', 'FILTER_STATE_CACHE', 'EXPLORE_FORM_DATA_CACHE', 'THUMBNAIL_CACHE']
    const prefixes = [...caches, 'DISTRIBUTED_COORDINATION'].map((name) => {
      assert.equal(config[`${name}_CONFIG`].CACHE_TYPE, 'RedisCache', name)
      return config[`${name}_CONFIG`].CACHE_KEY_PREFIX as string
    })
    assert.equal(new Set([...prefixes, config['RESULTS_BACKEND'].key_prefix]).size, prefixes.length + 1)
    assert.ok(prefixes.every((prefix) => prefix.startsWith('superset-')))
    assert.equal(environment('worker')['SUPERSET_ENV'], 'production')
  },
)

const { ca } = makeAuthority()

test(
  'Redis over TLS: the one spelling for broker, results, caches and limiter; their own keys for the two without a URL',
  python,
  () => {
    const verify = load(environment('worker', { REDIS_TLS: 'verify', REDIS_CA: ca }))
    const search =
      '?ssl_cert_reqs=required&ssl_check_hostname=true&ssl_ca_certs=/etc/keybuzz/backends/REDIS_CA'
    for (const address of [
      verify['CELERY_CONFIG'].broker_url,
      verify['CELERY_CONFIG'].result_backend,
      verify['RATELIMIT_STORAGE_URI'],
      verify['DATA_CACHE_CONFIG'].CACHE_REDIS_URL,
      verify['RESULTS_BACKEND'].host.url,
    ]) {
      assert.match(address as string, /^rediss:/)
      assert.ok((address as string).endsWith(search), address as string)
    }
    for (const name of ['DISTRIBUTED_COORDINATION_CONFIG', 'GLOBAL_ASYNC_QUERIES_CACHE_BACKEND']) {
      assert.equal(verify[name].CACHE_REDIS_SSL, true)
      assert.equal(verify[name].CACHE_REDIS_SSL_CERT_REQS, 'required')
      assert.equal(verify[name].CACHE_REDIS_SSL_CA_CERTS, '/etc/keybuzz/backends/REDIS_CA')
    }
    const require = load(environment('worker', { REDIS_TLS: 'require' }))
    assert.match(require['REDIS_URL'] as string, /^rediss:.*\?ssl_cert_reqs=none$/)
  },
)

test('PostgreSQL over TLS: mode and CA in the address', python, () => {
  const verify = load(environment('migrate', { POSTGRES_TLS: 'verify', POSTGRES_CA: ca }))
  const { searchParams } = new URL(verify['SQLALCHEMY_DATABASE_URI'] as string)
  assert.deepEqual(Object.fromEntries(searchParams), {
    sslmode: 'verify-full',
    sslrootcert: '/etc/keybuzz/backends/POSTGRES_CA',
  })
})

test('beat sends a tick, and looks for reports only when there are some', python, () => {
  const quiet = load(environment('worker'))['CELERY_CONFIG']
  assert.deepEqual(Object.keys(quiet.beat_schedule as object), ['keybuzz.tick', 'reports.prune_log'])
  assert.deepEqual(quiet.beat_schedule['keybuzz.tick'], {
    task: 'celery.backend_cleanup',
    schedule: 20,
    options: { expires: 20 },
  })
  for (const task of ['superset.sql_lab', 'superset.tasks.scheduler', 'superset.tasks.cache'])
    assert.ok((quiet.imports as string[]).includes(task))
  const reporting = { SUPERSET_REPORTS: 'true', SMTP_HOST: 'smtp.example.com' }
  const config = load(environment('worker', reporting))
  assert.ok('reports.scheduler' in config['CELERY_CONFIG'].beat_schedule)
  assert.deepEqual(config['FEATURE_FLAGS'], { ALERT_REPORTS: true })
  assert.deepEqual([config['SMTP_SSL'], config['SMTP_STARTTLS'], config['SMTP_PORT']], [false, true, 587])
  assert.equal(config['SMTP_MAIL_FROM'], 'ops@example.com')
})

test('sign-ins are limited on the view that takes them, once it is there', python, () => {
  const program = `
import superset_config as c
class Limiter:
    def limit(self, rate, methods):
        return lambda view: print(rate, methods, view)
class App:
    config = {'AUTH_RATE_LIMIT': '5 per second'}
    def __init__(self, views): self.blueprints = views
    class appbuilder:
        class sm: limiter = Limiter()
c.FLASK_APP_MUTATOR(App({'SupersetAuthView': 'the form', 'AuthDBView': 'what takes it'}))
c.FLASK_APP_MUTATOR(App({}))
`
  const { stdout, stderr } = run(environment('worker'), program)
  assert.equal(stdout, "5 per second ['POST'] what takes it\n", stderr)
})

test(
  'pictures are taken by the browser that the Dockerfile installs: Chromium, by the path of its driver',
  python,
  () => {
    const folder = { 'bin/chromedriver': '#!/bin/sh\n' }
    const { stdout, stderr } = runPython(
      show,
      { ...packages, ...folder, 'superset_config.py': text },
      environment('worker'),
    )
    const config = JSON.parse(stdout || stderr) as Record<string, any>
    assert.equal(config['WEBDRIVER_TYPE'], 'chrome')
    assert.match(config['WEBDRIVER_CONFIGURATION'].service.executable_path as string, /\/bin\/chromedriver$/)
    // Superset 6.1.0 hands it on to Selenium's Chrome, which knows no such argument.
    assert.ok(!('binary_location' in config['WEBDRIVER_CONFIGURATION']))
    for (const argument of ['--headless', '--no-sandbox', '--disable-dev-shm-usage'])
      assert.ok((config['WEBDRIVER_OPTION_ARGS'] as string[]).includes(argument), argument)
    const dockerfile = readFileSync(join(root, 'scripts/13_superset/Dockerfile'), 'utf8')
    assert.match(dockerfile, /apt-get install -y --no-install-recommends chromium chromium-driver/)
    assert.equal(load(environment('worker'))['WEBDRIVER_CONFIGURATION'].service.executable_path, null)
  },
)

test(
  'a worker’s heartbeat and a task beat sends each leave a sign of life, which the probe reads',
  python,
  () => {
    const program = `
import os, celery.signals as signals, superset_config
for signal in (signals.heartbeat_sent, signals.before_task_publish):
    for handler in signal.handlers: handler(sender=None)
    print(os.path.exists('/tmp/celery-alive')); os.remove('/tmp/celery-alive')
`
    const { stdout, stderr } = run(environment('worker'), program)
    assert.equal(stdout, 'True\nTrue\n', stderr)
  },
)
