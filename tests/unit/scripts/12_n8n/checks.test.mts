import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runChecks, type Outcome, type Tools } from '../../../../lib/checks/checks.mts'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import type { HttpAnswer } from '../../../../lib/checks/http-exchange.mts'
import type { HttpRequest } from '../../../../lib/checks/http.mts'
import type { LiveObject } from '../../../../lib/kube/types.mts'
import { redact, sensitive } from '../../../../lib/base/sensitive.mts'
import { checks } from '../../../../scripts/12_n8n/checks.mts'
import type { N8nSettings } from '../../../../scripts/12_n8n/settings.mts'

// n8n here is a stand-in: a table of answers, all right, of which each test makes one wrong.

const settings = {
  ENV: 'dev',
  N8N_HOST: 'n8n.dev.example.com',
  N8N_OWNER_EMAIL: 'ops@example.com',
  N8N_OWNER_PASSWORD: sensitive('Owner-password-1'),
} as unknown as N8nSettings

type Route = (request: HttpRequest & { path: string }) => {
  status?: number
  json?: unknown
  text?: string
  cookie?: string
}

const rightRoutes: Record<string, Route> = {
  'GET /healthz/readiness': () => ({ json: { status: 'ok' } }),
  'GET /rest/settings': ({ headers }) => ({
    json: {
      data:
        headers?.['cookie'] === undefined
          ? { userManagement: { showSetupOnFirstLoad: false } }
          : { urlBaseWebhook: 'https://n8n.dev.example.com/', urlBaseEditor: 'https://n8n.dev.example.com' },
    },
  }),
  'POST /rest/owner/setup': () => ({ status: 400, text: 'Instance owner already setup' }),
  'POST /rest/login': () => ({
    json: { data: {} },
    cookie: 'n8n-auth=token; Path=/; HttpOnly; Secure; SameSite=Lax',
  }),
  'GET /rest/workflows': () => ({ json: { data: [] } }),
  'POST /rest/workflows': () => ({ json: { data: { id: 'w1', versionId: 'v1', name: 'keybuzz-check-1' } } }),
  'POST /rest/workflows/w1/activate': () => ({ json: { data: {} } }),
  'POST /rest/workflows/w1/archive': () => ({ json: { data: {} } }),
  'DELETE /rest/workflows/w1': () => ({ json: { data: true } }),
  'POST /webhook': ({ json }) => ({ json: { sum: sumOf(json) } }),
  'GET /rest/executions': () => ({
    json: { data: { results: [{ id: '7', workflowId: 'w1', mode: 'webhook', status: 'success' }] } },
  }),
  'GET /rest/api-keys': () => ({ json: { data: { items: [] } } }),
  'POST /rest/api-keys': () => ({ json: { data: { id: 'k1', rawApiKey: 'raw' } } }),
  'DELETE /rest/api-keys/k1': () => ({ json: { data: { success: true } } }),
  'GET /api/v1/workflows': ({ headers }) =>
    headers?.['x-n8n-api-key'] === 'raw' ? { json: { data: [] } } : { status: 401 },
  'GET /metrics': () => ({ status: 404, text: 'Not found' }),
}

const sumOf = (json: unknown): number => {
  const { a, b } = json as { a: number; b: number }
  return a + b
}

const pod = (name: string, component: string, node: string): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'n8n-dev', labels: { 'app.kubernetes.io/component': component } },
  spec: { nodeName: node },
  status: { containerStatuses: [{ name: 'n8n', ready: true, restartCount: 0 }] },
})
const rightPods = [
  pod('n8n-1', 'main', 'worker-01'),
  pod('n8n-mcp-1', 'mcp', 'worker-02'),
  pod('n8n-webhook-1', 'webhook', 'worker-01'),
  pod('n8n-webhook-2', 'webhook', 'worker-02'),
  pod('n8n-worker-1', 'worker', 'worker-01'),
  pod('n8n-worker-2', 'worker', 'worker-02'),
]

/** The Services of n8n, by name, and what `/mcp` of its Ingress leads to. */
const rightObjects = ({ mcp = 'n8n-mcp' }: World): Record<string, unknown> => ({
  'ingresses.networking.k8s.io n8n': {
    spec: {
      rules: [
        {
          http: {
            paths: [
              ...(mcp === '' ? [] : [{ path: '/mcp', backend: { service: { name: mcp } } }]),
              { path: '/', backend: { service: { name: 'n8n' } } },
            ],
          },
        },
      ],
    },
  },
  ...Object.fromEntries(
    ['mcp', 'webhook'].map((component) => [
      `services n8n-${component}`,
      { spec: { selector: { 'app.kubernetes.io/component': component } } },
    ]),
  ),
})

interface World {
  mcp?: string
  routes?: Record<string, Route>
  pods?: LiveObject[]
  readiness?: string
  upgrade?: (origin: string) => { status: number; kept: boolean }
  policy?: string | undefined
  postgres?: number
}

function toolsOf(world: World) {
  const { routes = {}, pods = rightPods, readiness = '{"status":"ok"}' } = world
  const { upgrade, policy = 'noeviction', postgres = 17 } = world
  const all = { ...rightRoutes, ...routes }
  const ask = async (_host: string, path: string, request: HttpRequest = {}): Promise<HttpAnswer> => {
    const plain = path.split('?')[0] ?? ''
    const name = `${request.method ?? 'GET'} ${plain.startsWith('/webhook/') ? '/webhook' : plain}`
    const {
      status = 200,
      json,
      text = JSON.stringify(json),
      cookie,
    } = all[name]?.({ ...request, path }) ?? { status: 404, text: name }
    return Promise.resolve({
      status,
      text: text ?? '',
      headers: cookie === undefined ? {} : { 'set-cookie': [cookie] },
      json: () => JSON.parse(text ?? '') as unknown,
    })
  }
  const rightUpgrade = (origin: string) => ({ status: 101, kept: origin === 'https://n8n.dev.example.com' })
  return {
    settings,
    http: {
      ask,
      upgrade: (_host: string, _path: string, headers: Record<string, string>) =>
        Promise.resolve((upgrade ?? rightUpgrade)(headers['origin'] ?? '')),
    },
    kube: {
      list: (_kind: string, { labels = {} }: { labels?: Record<string, string> }) => {
        const component = labels['app.kubernetes.io/component']
        return Promise.resolve(
          pods.filter(
            ({ metadata }) =>
              component === undefined || metadata.labels?.['app.kubernetes.io/component'] === component,
          ),
        )
      },
      get: (kind: string, name: string) => Promise.resolve(rightObjects(world)[`${kind} ${name}`]),
      raw: () => Promise.resolve(readiness),
    },
    redis: { evictionPolicy: () => Promise.resolve(policy) },
    postgres: { majorVersion: () => Promise.resolve(postgres) },
  } as unknown as Tools<N8nSettings>
}

async function outcomeOf(id: string, world: World): Promise<Outcome> {
  const [outcome] = await runChecks(
    checks.filter((check) => check.id === id),
    toolsOf(world),
  )
  assert.ok(outcome !== undefined, `there is no check ${id}`)
  return outcome
}

test('on an n8n that is right, every check passes', async () => {
  const outcomes = await runChecks(checks, toolsOf({}))
  assert.deepEqual(
    outcomes.filter(({ result }) => result !== 'passed'),
    [],
  )
})

for (const [what, early] of [
  ['has not seen the new pods', { status: 503, text: 'no available server' }],
  ['does not know the name', { status: 404, text: '404 page not found\n' }],
] as const)
  test(`an ingress that ${what} yet is asked again, whichever check asks first`, async () => {
    const asked = new Set<string>()
    const late = Object.entries(rightRoutes).map(([name, route]): [string, Route] => [
      name,
      (request) => {
        if (asked.has(name)) return route(request)
        asked.add(name)
        return early
      },
    ])
    const outcomes = await runChecks(checks, toolsOf({ routes: Object.fromEntries(late) }))
    assert.deepEqual(
      outcomes.filter(({ result }) => result !== 'passed'),
      [],
    )
  })

const crashed = {
  ...rightPods[0],
  status: {
    containerStatuses: [
      {
        name: 'n8n',
        ready: false,
        restartCount: 1,
        lastState: { terminated: { reason: 'Error', finishedAt: new Date().toISOString() } },
      },
    ],
  },
} as LiveObject

const runnerless = {
  ...rightPods[5],
  status: {
    containerStatuses: [
      { name: 'n8n', ready: true, restartCount: 0 },
      { name: 'runner', ready: false, restartCount: 0 },
    ],
  },
} as LiveObject

type Wrong = [id: string, what: string, world: World, result: Outcome['result'], evidence: RegExp]

/** A call of the webhook that ends without an answer, and what n8n recorded of it. */
const noAnswer = (what: string, status: string | undefined, evidence: RegExp): Wrong => {
  const results = status === undefined ? [] : [{ id: '7', workflowId: 'w1', mode: 'webhook', status }]
  const routes: Record<string, Route> = {
    'POST /webhook': () => {
      throw new KitError('n8n.dev.example.com at 192.0.2.21:80: no answer', {
        exitCode: exitCodes.unreachable,
      })
    },
    'GET /rest/executions': () => ({ json: { data: { results } } }),
  }
  return ['n8n.webhook', what, { routes }, 'failed', evidence]
}

const without = (name: string) => rightPods.filter(({ metadata }) => metadata.name !== name)

const wrong: Wrong[] = [
  [
    'n8n.mcp',
    'the webhook processes',
    { mcp: 'n8n-webhook' },
    'failed',
    /to n8n-webhook, 2 pods: a session breaks/,
  ],
  ['n8n.mcp', 'main', { mcp: '' }, 'failed', /no path \/mcp of the Ingress n8n/],
  ['n8n.mcp', 'a Service that is not there', { mcp: 'n8n-gone' }, 'failed', /there is no Service n8n-gone/],
  [
    'n8n.mcp',
    'two replicas',
    { pods: [...rightPods, pod('n8n-mcp-2', 'mcp', 'worker-01')] },
    'failed',
    /n8n-mcp, 2 pods/,
  ],
  ['n8n.mcp', 'no pod', { pods: without('n8n-mcp-1') }, 'failed', /leads to n8n-mcp, 0 pods/],
  ['n8n.ready', 'a pod that is not ready', { readiness: '{"status":"error"}' }, 'failed', /not ready: n8n-1/],
  [
    'n8n.ready',
    'a worker whose runner is away',
    { pods: [...rightPods.slice(0, 4), runnerless] },
    'failed',
    /not ready: n8n-worker-2\/runner/,
  ],
  ['n8n.ready', 'no worker', { pods: rightPods.slice(0, 3) }, 'failed', /no pod of worker/],
  [
    'n8n.public',
    'an ingress without backend',
    { routes: { 'GET /healthz/readiness': () => ({ status: 502, text: 'Bad Gateway' }) } },
    'failed',
    /502/,
  ],
  [
    'n8n.public',
    'the start-up page',
    { routes: { 'GET /healthz/readiness': () => ({ text: 'n8n is starting up. Please wait' }) } },
    'failed',
    /starting up/,
  ],
  [
    'n8n.owner',
    'an open set-up page',
    {
      routes: {
        'GET /rest/settings': () => ({ json: { data: { userManagement: { showSetupOnFirstLoad: true } } } }),
      },
    },
    'failed',
    /true/,
  ],
  [
    'n8n.setup-closed',
    'a set-up that would accept',
    { routes: { 'POST /rest/owner/setup': () => ({ status: 400, text: 'another reason' }) } },
    'failed',
    /400/,
  ],
  [
    'n8n.login',
    'a cookie that is not Secure',
    { routes: { 'POST /rest/login': () => ({ json: {}, cookie: 'n8n-auth=t; HttpOnly; SameSite=Lax' }) } },
    'failed',
    /not secure/,
  ],
  [
    'n8n.login',
    'a cookie other pages may send',
    {
      routes: {
        'POST /rest/login': () => ({ json: {}, cookie: 'n8n-auth=t; HttpOnly; Secure; SameSite=None' }),
      },
    },
    'failed',
    /not samesite/,
  ],
  [
    'n8n.login',
    'a wrong password',
    { routes: { 'POST /rest/login': () => ({ status: 401, text: 'Wrong username or password' }) } },
    'failed',
    /answered 401/,
  ],
  [
    'n8n.urls',
    'localhost in webhook addresses',
    {
      routes: {
        'GET /rest/settings': () => ({
          json: {
            data: { urlBaseWebhook: 'http://localhost:5678/', urlBaseEditor: 'https://n8n.dev.example.com' },
          },
        }),
      },
    },
    'failed',
    /urlBaseWebhook is http:\/\/localhost/,
  ],
  [
    'n8n.webhook',
    'a task runner that is away',
    { routes: { 'POST /webhook': () => ({ status: 500, text: 'Task request timed out' }) } },
    'failed',
    /Task request timed out/,
  ],
  noAnswer('no worker', 'new', /execution 7 waits in the queue: no worker took it/),
  noAnswer('a runner that hangs', 'running', /execution 7 still runs/),
  noAnswer('a result that is lost', 'success', /execution 7 ended as success/),
  noAnswer('a webhook process out of reach', undefined, /no answer; n8n recorded no execution/),
  [
    'n8n.webhook',
    'a wrong result',
    { routes: { 'POST /webhook': () => ({ json: { sum: -1 } }) } },
    'failed',
    /came back as/,
  ],
  [
    'n8n.webhook',
    'an execution in error',
    {
      routes: {
        'GET /rest/executions': () => ({
          json: { data: { results: [{ id: '7', workflowId: 'w1', mode: 'webhook', status: 'error' }] } },
        }),
      },
    },
    'failed',
    /webhook error/,
  ],
  [
    'n8n.webhook',
    'a workflow that stays',
    { routes: { 'DELETE /rest/workflows/w1': () => ({ status: 400 }) } },
    'failed',
    /could not be deleted/,
  ],
  [
    'n8n.push',
    'an ingress without WebSocket',
    { upgrade: () => ({ status: 400, kept: false }) },
    'failed',
    /handshake 400/,
  ],
  [
    'n8n.push',
    'a connection closed at once',
    { upgrade: () => ({ status: 101, kept: false }) },
    'failed',
    /closed at once/,
  ],
  [
    'n8n.push',
    'a foreign page let in',
    { upgrade: () => ({ status: 101, kept: true }) },
    'failed',
    /foreign page/,
  ],
  [
    'n8n.push',
    'an error that is no refusal of a foreign page',
    {
      upgrade: (origin) =>
        origin === 'https://n8n.dev.example.com' ? { status: 101, kept: true } : { status: 502, kept: false },
    },
    'failed',
    /foreign page 502: no refusal/,
  ],
  [
    'n8n.api',
    'the public API switched off',
    { routes: { 'GET /api/v1/workflows': () => ({ status: 404, text: '' }) } },
    'failed',
    /404/,
  ],
  [
    'n8n.metrics-hidden',
    'public metrics',
    { routes: { 'GET /metrics': () => ({ text: '# HELP n8n_up' }) } },
    'failed',
    /shows figures/,
  ],
  [
    'n8n.spread',
    'both workers on one node',
    { pods: rightPods.filter(({ metadata }) => metadata.name !== 'n8n-worker-2') },
    'warning',
    /worker on 1/,
  ],
  ['n8n.restarts', 'a container that crashed just now', { pods: [crashed] }, 'failed', /n8n-1\/n8n Error/],
  ['n8n.eviction', 'evicted jobs', { policy: 'allkeys-lru' }, 'warning', /allkeys-lru/],
  ['n8n.postgres', 'an old PostgreSQL', { postgres: 15 }, 'warning', /version 15/],
]

for (const [id, what, world, result, evidence] of wrong) {
  test(`${id} sees ${what}`, async () => {
    const outcome = await outcomeOf(id, world)
    assert.equal(outcome.result, result)
    assert.match(outcome.evidence, evidence)
  })
}

test('every check of n8n has a test that makes it fail', () => {
  // Those of secrets in Vault are the same for every module: tests/unit/checks/vault-secrets.test.mts.
  const covered = new Set([...wrong.map(([id]) => id), 'n8n.vault', 'n8n.copies'])
  assert.deepEqual(
    checks.map(({ id }) => id).filter((id) => !covered.has(id)),
    [],
  )
})

test('n8n.webhook ends with an interruption, which is no answer of n8n', async () => {
  const stopped = new KitError('stopped', { exitCode: exitCodes.interrupted })
  const routes: Record<string, Route> = {
    'POST /webhook': () => {
      throw stopped
    },
  }
  await assert.rejects(outcomeOf('n8n.webhook', { routes }), stopped)
})

test('n8n.webhook: a workflow that is gone already is deleted', async () => {
  const routes: Record<string, Route> = { 'DELETE /rest/workflows/w1': () => ({ status: 404 }) }
  const { result, evidence } = await outcomeOf('n8n.webhook', { routes })
  assert.equal(result, 'passed', evidence)
})

test('the cookie and the API key of the checks are shown nowhere', async () => {
  const [cookie, key] = ['cookie-of-the-owner-1', 'api-key-of-the-check-1']
  const routes: Record<string, Route> = {
    'POST /rest/login': () => ({ json: {}, cookie: `n8n-auth=${cookie}; HttpOnly; Secure; SameSite=Lax` }),
    'POST /rest/api-keys': () => ({ json: { data: { id: 'k1', rawApiKey: key } } }),
    'GET /api/v1/workflows': ({ headers }) => ({ status: 500, text: JSON.stringify(headers) }),
  }
  const { evidence } = await outcomeOf('n8n.api', { routes })
  assert.match(evidence, /^500 .*\*\*\*/)
  assert.doesNotMatch(redact(`${evidence} ${cookie} ${key}`), /owner-1|check-1/)
})

test('an interruption is no answer of a pod', async () => {
  const stopped = new KitError('stopped', { exitCode: exitCodes.interrupted })
  const tools = toolsOf({})
  const kube = { ...tools.kube, raw: () => Promise.reject(stopped) } as typeof tools.kube
  await assert.rejects(runChecks(checks, { ...tools, kube }), stopped)
})

test('n8n.webhook removes its workflow, also when it fails, and those of killed runs', async () => {
  const removed: string[] = []
  const routes: Record<string, Route> = {
    'GET /rest/workflows': () => ({
      json: {
        data: [
          { id: 'old', name: 'keybuzz-check-old' },
          { id: 'theirs', name: 'invoices' },
        ],
      },
    }),
    'POST /webhook': () => ({ status: 500, text: '' }),
    // n8n takes a webhook back asynchronously, and refuses until it has.
    'DELETE /rest/workflows/w1': () => (
      removed.push('w1'),
      { status: removed.includes('w1', 2) ? 200 : 409 }
    ),
    'DELETE /rest/workflows/old': () => (removed.push('old'), {}),
    'DELETE /rest/workflows/theirs': () => (removed.push('theirs'), {}),
  }
  await outcomeOf('n8n.webhook', { routes })
  assert.deepEqual(removed, ['old', 'w1', 'w1'])
})

for (const [shape, list] of [
  ['as a list', (keys: unknown[]) => keys],
  ['in a page', (keys: unknown[]) => ({ items: keys })],
] as const) {
  test(`n8n.api removes its key and those of killed runs, told ${shape}`, async () => {
    const removed: string[] = []
    const routes: Record<string, Route> = {
      'GET /rest/api-keys': () => ({
        json: {
          data: list([
            { id: 'old', label: 'keybuzz-check-old' },
            { id: 'theirs', label: 'erp' },
          ]),
        },
      }),
      'DELETE /rest/api-keys/k1': () => (removed.push('k1'), {}),
      'DELETE /rest/api-keys/old': () => (removed.push('old'), {}),
      'DELETE /rest/api-keys/theirs': () => (removed.push('theirs'), {}),
    }
    const { result } = await outcomeOf('n8n.api', { routes })
    assert.equal(result, 'passed')
    assert.deepEqual(removed, ['old', 'k1'])
  })
}

test('an MCP process that ends while the next one runs already is no second one', async () => {
  const ending = pod('n8n-mcp-2', 'mcp', 'worker-01')
  const metadata = { ...ending.metadata, deletionTimestamp: '2026-11-23T10:00:00Z' }
  const { result, evidence } = await outcomeOf('n8n.mcp', { pods: [...rightPods, { ...ending, metadata }] })
  assert.deepEqual([result, evidence], ['passed', '/mcp leads to n8n-mcp, one pod'])
})

test('a live connection that a pod closes while it ends is asked again: the ingress leads there for 2 s more', async () => {
  let ending = 1
  const upgrade = (origin: string) => ({
    status: 101,
    kept: origin === 'https://n8n.dev.example.com' && (ending -= 1) < 0,
  })
  assert.equal((await outcomeOf('n8n.push', { upgrade })).result, 'passed')
})
