import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runChecks, type Outcome, type Tools } from '../../../../lib/checks/checks.mts'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import type { LiveObject } from '../../../../lib/kube/types.mts'
import { finishQuery } from '../../../../scripts/13_superset/checks-query.mts'
import { checks } from '../../../../scripts/13_superset/checks.mts'
import type { Api } from '../../../../scripts/13_superset/session.mts'
import type { SupersetSettings } from '../../../../scripts/13_superset/settings.mts'
import { address, host, startSuperset, type Reply, type Route } from './server.mts'

const longAgo = '2026-01-01T00:00:00Z'
const pod = (name: string, component: string, node: string, startTime = longAgo): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'superset-dev', labels: { 'app.kubernetes.io/component': component } },
  spec: { nodeName: node },
  status: {
    startTime,
    containerStatuses: [
      { name: component, ready: true, restartCount: 0, state: { running: { startedAt: longAgo } } },
    ],
  },
})
const rightPods = [
  pod('web-1', 'web', 'worker-01'),
  pod('web-2', 'web', 'worker-02'),
  pod('worker-1', 'worker', 'worker-01'),
  pod('worker-2', 'worker', 'worker-02'),
  pod('beat-1', 'beat', 'worker-01'),
]
const running = (image: string) => ({ template: { spec: { containers: [{ image }] } } })
const migrateJob = (image: string, type: string): LiveObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'superset-migrate-1' },
  spec: running(image),
  status: { conditions: [{ type, status: 'True' }] },
})

const path = '/app/pythonpath/superset_config.py'
const atStart = `${longAgo} Loaded your LOCAL configuration at [${path}]\n`
const ticking = `${longAgo} Scheduler: Sending due task keybuzz.tick (celery.backend_cleanup)\n`

interface World {
  routes?: Record<string, Route>
  settings?: object
  pods?: LiveObject[]
  jobs?: LiveObject[]
  /** The log of a pod, by its name and the query it is asked with. */
  log?: (name: string, query: URLSearchParams) => string
  runIn?: () => Promise<string>
  text?: (query: string) => string | undefined
  policy?: string | undefined
}

const rightLog = (name: string) => atStart + (name.startsWith('beat') ? ticking : '')
const rightText = (query: string) => (query.includes('alembic') ? '4b2a8c9d3e1f' : '312')

async function ask(world: World, ids?: readonly string[]): Promise<{ outcomes: Outcome[]; asked: string[] }> {
  const superset = await startSuperset(world.routes ?? {})
  const {
    pods = rightPods,
    jobs = [migrateJob('app:1', 'Complete')],
    log = rightLog,
    text = rightText,
  } = world
  const tools = {
    settings: { ...superset.settings, ...world.settings },
    http: superset.http,
    kube: {
      list: (kind: string) => Promise.resolve(kind === 'pods' ? pods : jobs),
      get: () => Promise.resolve({ spec: running('app:1') }),
      raw(address: string) {
        const { pathname, searchParams } = new URL(address, 'http://api')
        const [, name = ''] =
          /^\/api\/v1\/namespaces\/superset-dev\/pods\/([\w-]+)\/log$/.exec(pathname) ?? []
        return Promise.resolve(log(name, searchParams))
      },
      runIn: world.runIn ?? (() => Promise.resolve(`${path}\n`)),
    },
    redis: { evictionPolicy: () => Promise.resolve('policy' in world ? world.policy : 'noeviction') },
    postgres: { findText: (_database: unknown, query: string) => Promise.resolve(text(query)) },
  } as unknown as Tools<SupersetSettings>
  try {
    const wanted = checks.filter(({ id }) => ids?.includes(id) ?? true)
    return { outcomes: await runChecks(wanted, tools), asked: superset.asked }
  } finally {
    superset.close()
  }
}

test('on a Superset that is right, every check passes, though one of them provokes 429 for all; nothing of theirs stays', async () => {
  const { outcomes, asked } = await ask({})
  assert.deepEqual(
    outcomes.filter(({ result }) => result !== 'passed'),
    [],
  )
  const count = (name: string) => asked.filter((one) => one === name).length
  assert.equal(count('POST /api/v1/database/'), 2)
  assert.equal(count('DELETE /api/v1/database/2'), 2)
})

test('a connection that a killed run left is taken away', async () => {
  const list: Route = () => ({ json: { result: [{ id: 2, database_name: 'keybuzz-check-0a1b2c' }] } })
  const { asked } = await ask({ routes: { 'GET /api/v1/database/': list } }, ['superset.sqllab'])
  const names = asked.filter((one) => /^(POST|DELETE) \/api\/v1\/database\//.test(one))
  assert.deepEqual(names, [
    'DELETE /api/v1/database/2',
    'POST /api/v1/database/',
    'DELETE /api/v1/database/2',
  ])
})

const at = (route: string, reply: Reply): World => ({ routes: { [route]: () => reply } })
const unready = {
  ...rightPods[0],
  status: { containerStatuses: [{ name: 'web', ready: false, restartCount: 0 }] },
}
const terminated = { reason: 'OOMKilled', finishedAt: new Date().toISOString() }
const crashed = {
  ...rightPods[2],
  status: {
    containerStatuses: [{ name: 'worker', ready: false, restartCount: 1, lastState: { terminated } }],
  },
}

/** X-Forwarded-Proto as the application sees it, request after request. */
const seenAs = (...schemes: string[]): World => {
  let turn = 0
  return {
    routes: {
      'GET /dashboard/list/'() {
        const scheme = schemes[Math.min(turn, schemes.length - 1)]
        turn += 1
        const next = encodeURIComponent(`${scheme}://${host}/dashboard/list/`)
        return { status: 302, headers: { location: `/login/?next=${next}` } }
      },
    },
  }
}
const signedInBy = (cookie: string): World =>
  at('POST /login/', { status: 302, headers: { location: '/', 'set-cookie': [cookie] } })
const lost = { status: 500, text: 'ValueError: Invalid decryption key' }
const wrongPassword = { settings: { SUPERSET_ADMIN_PASSWORD: sensitive('Another-password-1') } }

const faults: [id: string, result: 'failed' | 'warning', evidence: RegExp, world: World][] = [
  ['superset.ready', 'failed', /no pod of beat/, { pods: rightPods.slice(0, 4) }],
  ['superset.ready', 'failed', /web-1\/web/, { pods: [unready as LiveObject, ...rightPods.slice(1)] }],
  ['superset.spread', 'warning', /worker on 1/, { pods: [...rightPods.slice(0, 3), ...rightPods.slice(4)] }],
  ['superset.restarts', 'failed', /OOMKilled/, { pods: [crashed as LiveObject] }],
  [
    'superset.configuration',
    'failed',
    /runs on SQLite in its own folder: the configuration was not loaded \(web-2: /,
    { log: (name) => (name === 'web-2' ? `${longAgo} Starting gunicorn\n` : rightLog(name)) },
  ],
  [
    'superset.configuration',
    'failed',
    /no alembic_version/,
    { text: (query) => (query.includes('alembic') ? undefined : '1') },
  ],
  [
    'superset.configuration',
    'failed',
    /web-1: No module named/,
    {
      log: () => '2026-02-01T00:00:00Z in the middle\n',
      runIn: () => Promise.reject(new Error('No module named x')),
    },
  ],
  ['superset.configuration', 'failed', /no pod/, { pods: [] }],
  ['superset.public', 'failed', /\/health 500/, at('GET /health', { status: 500 })],
  ['superset.public', 'failed', /\/health 200, \/login\/ 500/, at('GET /login/', { status: 500 })],
  ['superset.public', 'failed', /names no file/, at('GET /login/', { text: 'hello' })],
  ['superset.public', 'failed', /spa\.js 404/, at('GET /static/assets/spa.js', { status: 404 })],
  [
    'superset.forwarded',
    'failed',
    /sends no X-Forwarded-Proto: Superset answers with http/,
    seenAs('http', 'https'),
  ],
  ['superset.forwarded', 'failed', /"https,http"/, seenAs('http')],
  [
    'superset.forwarded',
    'failed',
    /takes itself for https:\/\/inside/,
    at('GET /dashboard/list/', {
      status: 302,
      headers: { location: '/login/?next=https%3A%2F%2Finside%2F' },
    }),
  ],
  ['superset.forwarded', 'failed', /names no address/, at('GET /dashboard/list/', { text: 'open' })],
  ['superset.login', 'failed', /sign-in of admin: Superset answered 401/, wrongPassword],
  [
    'superset.login',
    'failed',
    /CSRF token: Superset answered 500/,
    at('GET /api/v1/security/csrf_token/', { status: 500 }),
  ],
  ['superset.form', 'failed', /302 \/login\//, wrongPassword],
  ['superset.form', 'failed', /400 CSRF/, at('POST /login/', { status: 400, text: 'CSRF' })],
  ['superset.form', 'failed', /no form/, at('GET /login/', { text: 'x' })],
  ['superset.form', 'failed', /not secure/, signedInBy('session=admin; HttpOnly; Path=/; SameSite=Lax')],
  ['superset.form', 'failed', /not httponly, secure, samesite=lax/, signedInBy('session=admin')],
  [
    'superset.form',
    'failed',
    /leads to http:\/\/superset/,
    at('POST /login/', { status: 302, headers: { location: `http://${host}/` } }),
  ],
  ['superset.form', 'failed', /request 1 with the cookie/, at('GET /api/v1/me/', { status: 401 })],
  ['superset.closed', 'failed', /open: \/api\/v1\/_openapi/, at('GET /api/v1/_openapi', { json: {} })],
  ['superset.closed', 'failed', /open: \/swagger\/v1/, at('GET /swagger/v1', { text: 'Swagger' })],
  ['superset.closed', 'failed', /open: \/register\/form/, at('GET /register/form', { text: 'Register' })],
  ['superset.closed', 'failed', /open: \/api\/v1\/database\//, at('GET /api/v1/database/', { json: {} })],
  [
    'superset.key',
    'failed',
    /not readable: Sales: 500 .*Invalid decryption key/,
    at('GET /api/v1/database/1/connection', lost),
  ],
  ['superset.key', 'failed', /a new one: 500/, at('GET /api/v1/database/2/connection', lost)],
  [
    'superset.key',
    'failed',
    /shown with its password/,
    at('GET /api/v1/database/2/connection', {
      json: { result: { sqlalchemy_uri: address.replace('XXXXXXXXXX', 'open') } },
    }),
  ],
  ['superset.key', 'failed', /a new one: 422/, at('POST /api/v1/database/test_connection/', { status: 422 })],
  [
    'superset.key',
    'failed',
    /store a connection: Superset answered 422 .*no driver/,
    at('POST /api/v1/database/', { status: 422, json: { message: 'no driver' } }),
  ],
  [
    'superset.sqllab',
    'failed',
    /broker took no task/,
    at('POST /api/v1/sqllab/execute/', { status: 500, text: 'Failed to start remote query on a worker.' }),
  ],
  [
    'superset.sqllab',
    'failed',
    /ran in the web pod/,
    at('POST /api/v1/sqllab/execute/', { json: { data: [] } }),
  ],
  [
    'superset.sqllab',
    'failed',
    /ended as failed: no such host/,
    at('GET /api/v1/query/7', { json: { result: { status: 'failed', error_message: 'no such host' } } }),
  ],
  [
    'superset.sqllab',
    'failed',
    /its result is not in Redis: 410/,
    at('GET /api/v1/sqllab/results/', { status: 410, text: 'Data could not be retrieved' }),
  ],
  [
    'superset.sqllab',
    'failed',
    /its result is \[/,
    at('GET /api/v1/sqllab/results/', { json: { data: [{ sum: -1 }] } }),
  ],
  ['superset.limiter', 'failed', /none of 96 requests/, at('GET /api/v1/me/', { status: 401 })],
  [
    'superset.limiter',
    'failed',
    /web-1 counts in its own memory/,
    { log: (name) => `${rightLog(name)}UserWarning: Using the in-memory storage for tracking rate limits` },
  ],
  ['superset.beat', 'failed', /2 pods of beat/, { pods: [...rightPods, pod('beat-2', 'beat', 'worker-02')] }],
  ['superset.beat', 'failed', /no task sent within 120 s/, { log: () => atStart }],
  ['superset.migrated', 'failed', /no Job migrate/, { jobs: [migrateJob('app:1', 'Failed')] }],
  ['superset.migrated', 'warning', /after a rollback/, { jobs: [] }],
  [
    'superset.migrated',
    'failed',
    /the Job migrate ran app:0, the pods run app:1/,
    { jobs: [migrateJob('app:0', 'Complete')] },
  ],
  ['superset.roles', 'failed', /no permission/, { text: (query) => (query.includes('Admin') ? '0' : 'x') }],
  ['superset.roles', 'failed', /no permission/, { text: () => undefined }],
  ['superset.eviction', 'warning', /allkeys-lru/, { policy: 'allkeys-lru' }],
]
for (const [id, result, evidence, world] of faults) {
  test(`${id} sees it: ${evidence.source}`, async () => {
    const {
      outcomes: [outcome],
    } = await ask(world, [id])
    assert.equal(outcome?.result, result, outcome?.evidence)
    assert.match(outcome.evidence, evidence)
  })
}

test('every check can fail', () => {
  // Those of secrets in Vault are the same for every module: tests/unit/checks/vault-secrets.test.mts.
  const proven = new Set([...faults.map(([id]) => id), 'superset.vault', 'superset.copies'])
  assert.deepEqual(
    checks.map(({ id }) => id).filter((id) => !proven.has(id)),
    [],
  )
})

test('a log whose beginning is gone is no failure when the pod’s Python finds the configuration', async () => {
  const log = (name: string) =>
    `2026-02-01T00:00:00Z in the middle\n${name.startsWith('beat') ? ticking : ''}`
  const {
    outcomes: [outcome],
  } = await ask({ log }, ['superset.configuration'])
  assert.equal(outcome?.result, 'passed', outcome?.evidence)
})

test('an agent of Vault beside the process, started again since, does not make a long log look like a short one', async () => {
  const agent = {
    name: 'a-agent',
    ready: true,
    restartCount: 1,
    state: { running: { startedAt: new Date().toISOString() } },
  }
  const pods = rightPods.map((one) => {
    const status = one['status'] as { containerStatuses: object[] }
    return { ...one, status: { ...status, containerStatuses: [agent, ...status.containerStatuses] } }
  })
  const log = () => '2026-02-01T00:00:00Z in the middle\n'
  const {
    outcomes: [outcome],
  } = await ask({ log, pods }, ['superset.configuration'])
  assert.equal(outcome?.result, 'passed', outcome?.evidence)
})

test('of each pod the beginning of its log is asked, of beat what it said last', async () => {
  const queries: string[] = []
  const log = (name: string, query: URLSearchParams) => {
    queries.push(`${name} ${query.toString()}`)
    return rightLog(name)
  }
  await ask({ log }, ['superset.configuration', 'superset.beat'])
  assert.ok(queries.includes('web-1 container=web&timestamps=true&limitBytes=524288'))
  assert.ok(queries.includes('beat-1 container=beat&sinceSeconds=120'))
})

for (const [status, evidence] of [
  ['pending', /no worker took it/],
  ['running', /a worker still works on it/],
] as const)
  test(`a query that stays ${status} is told apart`, async () => {
    const json = () => ({ result: { status } })
    const api = { ask: () => Promise.resolve({ status: 200, headers: {}, text: '', json }) } as unknown as Api
    assert.match((await finishQuery(api, { id: 7, sum: 1 }, 0.2)) ?? '', evidence)
  })

for (const [what, result, begins] of [
  ['a Superset that never had one', [], /^POST,DELETE,POST,POST/],
  ['one that has some', [{ id: 1, database_name: 'Sales' }], /^POST,POST/],
] as const)
  test(`connections of two checks at once, to ${what}: the first ever is stored alone`, async () => {
    const routes = { 'GET /api/v1/database/': () => ({ json: { result } }) }
    const { asked } = await ask({ routes }, ['superset.key', 'superset.sqllab'])
    const changes = asked.filter((one) => /^(POST|DELETE) \/api\/v1\/database\/(2|)$/.test(one))
    assert.match(changes.map((one) => one.split(' ')[0]).join(), begins)
  })

test('no password is in the evidence of a check that fails', async () => {
  const leak: Route = ({ body }) => ({ status: 500, text: body })
  const { outcomes } = await ask({
    routes: { 'POST /api/v1/security/login': leak, 'POST /login/': leak, 'POST /api/v1/database/': leak },
  })
  for (const { evidence } of outcomes)
    assert.ok(!/Admin-password-1|a%role@password|a%25role%40password/.test(evidence), evidence)
})

test('a login that is refused is exit 10 in the words of Superset', async () => {
  const superset = await startSuperset({ 'POST /api/v1/security/login': () => ({ status: 401, text: 'no' }) })
  const { signIn } = await import('../../../../scripts/13_superset/session.mts')
  const once = <T,>(_name: string, make: () => Promise<T>) => make()
  try {
    await signIn({ ...superset, once } as never).then(
      () => assert.fail('it was let in'),
      (thrown: unknown) => {
        assert.ok(thrown instanceof KitError)
        assert.equal(thrown.exitCode, exitCodes.validationFailed)
      },
    )
  } finally {
    superset.close()
  }
})
