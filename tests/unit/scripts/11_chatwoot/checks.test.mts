import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runChecks, type Tools } from '../../../../lib/checks/checks.mts'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import type { HttpAnswer } from '../../../../lib/checks/http-exchange.mts'
import type { HttpRequest } from '../../../../lib/checks/http.mts'
import type { LiveObject } from '../../../../lib/kube/types.mts'
import { redact, sensitive } from '../../../../lib/base/sensitive.mts'
import { checks } from '../../../../scripts/11_chatwoot/checks.mts'
import type { ChatwootSettings } from '../../../../scripts/11_chatwoot/settings.mts'

// Chatwoot here is a stand-in: a table of answers, all right, of which each test makes one wrong.

const host = 'support.dev.example.com'
const settings = {
  ENV: 'dev',
  CHATWOOT_HOST: host,
  CHATWOOT_ADMIN_EMAIL: 'ops@example.com',
  CHATWOOT_ADMIN_PASSWORD: sensitive('Admin-password-1'),
  S3_ENDPOINT: 'https://s3.example.com',
  CHATWOOT_S3_BUCKET: 'files',
  BRAND_NAME: 'KeyBuzz',
  BRAND_URL: 'https://dev.example.com',
  BRAND_LOGO: 'https://dev.example.com/logo.svg',
} as unknown as ChatwootSettings

interface Reply {
  status?: number
  json?: unknown
  text?: string
  headers?: Record<string, string | string[]>
}
type Route = (request: HttpRequest) => Reply

const page = (signup: string, name: string) => {
  const logo = 'https://dev.example.com/logo.svg'
  const config = {
    INSTALLATION_NAME: name,
    BRAND_NAME: name,
    LOGO: logo,
    LOGO_DARK: logo,
    LOGO_THUMBNAIL: logo,
  }
  return `<script>signupEnabled: '${signup}',\nwindow.globalConfig = ${JSON.stringify(config)}\n</script>`
}
const signedIn = { 'access-token': 'a', client: 'c', uid: 'ops@example.com' }
const form = '<input type="hidden" name="authenticity_token" value="crumb">'

const isToken = (headers: HttpRequest['headers'] = {}) =>
  (headers['api-access-token'] ?? headers['api_access_token']) === 'token'

const rightRoutes: Record<string, Route> = {
  'GET /health': () => ({ json: { status: 'woot' } }),
  'GET /api': () => ({ json: { version: '4.18.0', queue_services: 'ok', data_services: 'ok' } }),
  'GET /installation/onboarding': () => ({ status: 302, headers: { location: '/' } }),
  'GET /app/login': () => ({ text: page('false', 'KeyBuzz') }),
  'POST /auth/sign_in': () => ({
    json: { data: { access_token: 'token', account_id: 1 } },
    headers: signedIn,
  }),
  'GET /api/v1/profile': ({ headers }) => ({ status: isToken(headers) ? 200 : 401 }),
  'GET /super_admin/sign_in': () => ({ text: form, headers: { 'set-cookie': ['session=1; Secure'] } }),
  'POST /super_admin/sign_in': ({ headers, json }) => {
    const right = headers?.['cookie'] === 'session=1' && headers['origin'] === `https://${host}`
    const { authenticity_token: crumb } = json as { authenticity_token: string }
    return right && crumb === 'crumb'
      ? { status: 302, headers: { location: '/super_admin' } }
      : { status: 422, text: 'InvalidAuthenticityToken' }
  },
  'GET /packs/js/sdk.js': () => ({ text: 'window.chatwootSDK = {}' }),
}

const pod = (name: string, component: string, node: string): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'chatwoot-dev', labels: { 'app.kubernetes.io/component': component } },
  spec: { nodeName: node },
  status: { containerStatuses: [{ name: component, ready: true, restartCount: 0 }] },
})
const rightPods = [
  pod('web-1', 'web', 'worker-01'),
  pod('web-2', 'web', 'worker-02'),
  pod('worker-1', 'worker', 'worker-01'),
  pod('worker-2', 'worker', 'worker-02'),
]
const running = (image: string) => ({ template: { spec: { containers: [{ image }] } } })
const prepareJob = (image: string, type: string): LiveObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'chatwoot-prepare-1' },
  spec: running(image),
  status: { conditions: [{ type, status: 'True' }] },
})

interface World {
  routes?: Record<string, Route>
  pods?: LiveObject[]
  jobs?: LiveObject[]
  beats?: () => Promise<string>
  upgrade?: { status: number; kept: boolean }
  policy?: string | undefined
  extensions?: string
  roundTrip?: () => Promise<number>
  settings?: ChatwootSettings
}

const rightExtensions = 'plpgsql pg_stat_statements pg_trgm pgcrypto vector'

function toolsOf(world: World) {
  const routes = { ...rightRoutes, ...world.routes }
  const ask = (_host: string, path: string, request: HttpRequest = {}): Promise<HttpAnswer> => {
    const name = `${request.method ?? 'GET'} ${path}`
    const reply = routes[name]?.(request) ?? { status: 404, text: name }
    const text = reply.text ?? JSON.stringify(reply.json ?? {})
    const { status = 200, headers = {} } = reply
    return Promise.resolve({ status, text, headers, json: () => JSON.parse(text) as unknown })
  }
  const {
    pods = rightPods,
    jobs = [prepareJob('app:1', 'Complete')],
    upgrade = { status: 101, kept: true },
  } = world
  return {
    settings: world.settings ?? settings,
    http: { ask, upgrade: () => Promise.resolve(upgrade) },
    kube: {
      list: (kind: string) => Promise.resolve(kind === 'pods' ? pods : jobs),
      get: () => Promise.resolve({ spec: running('app:1') }),
      runIn: world.beats ?? (() => Promise.resolve('')),
    },
    redis: { evictionPolicy: () => Promise.resolve('policy' in world ? world.policy : 'noeviction') },
    postgres: { findText: () => Promise.resolve(world.extensions ?? rightExtensions) },
    s3: { roundTrip: world.roundTrip ?? (() => Promise.resolve(12)) },
  } as unknown as Tools<ChatwootSettings>
}

test('on a Chatwoot that is right, every check passes', async () => {
  const outcomes = await runChecks(checks, toolsOf({}))
  assert.deepEqual(
    outcomes.filter(({ result }) => result !== 'passed'),
    [],
  )
})

const unready = {
  ...rightPods[0],
  status: { containerStatuses: [{ name: 'web', ready: false, restartCount: 0 }] },
}
const crashed = {
  ...rightPods[0],
  status: {
    containerStatuses: [
      {
        name: 'web',
        ready: false,
        restartCount: 1,
        lastState: { terminated: { reason: 'OOMKilled', finishedAt: new Date().toISOString() } },
      },
    ],
  },
}
const at = (route: string, reply: Reply): World => ({ routes: { [route]: () => reply } })

const withoutS3 = { ...settings, S3_ENDPOINT: undefined } as unknown as ChatwootSettings

const faults: [id: string, result: 'failed' | 'warning', evidence: RegExp, world: World][] = [
  ['chatwoot.ready', 'failed', /no pod of worker/, { pods: rightPods.slice(0, 2) }],
  ['chatwoot.ready', 'failed', /web-1\/web/, { pods: [unready as LiveObject, ...rightPods.slice(1)] }],
  ['chatwoot.services', 'failed', /\/health 404/, at('GET /health', { status: 404 })],
  ['chatwoot.services', 'failed', /\/api 500/, at('GET /api', { status: 500 })],
  [
    'chatwoot.services',
    'failed',
    /data_services failing/,
    at('GET /api', { json: { version: '4', queue_services: 'ok', data_services: 'failing' } }),
  ],
  ['chatwoot.onboarding', 'failed', /200/, at('GET /installation/onboarding', { text: 'Welcome' })],
  [
    'chatwoot.signup',
    'failed',
    /signupEnabled is true/,
    at('GET /app/login', { text: page('true', 'KeyBuzz') }),
  ],
  ['chatwoot.signup', 'failed', /does not say/, at('GET /app/login', { text: 'nothing' })],
  ['chatwoot.login', 'failed', /401/, at('POST /auth/sign_in', { status: 401 })],
  ['chatwoot.login', 'failed', /without a token/, at('POST /auth/sign_in', { headers: signedIn })],
  ['chatwoot.token', 'failed', /401/, at('GET /api/v1/profile', { status: 401 })],
  [
    'chatwoot.token',
    'warning',
    /dropped on the way \(401\)/,
    {
      routes: {
        'GET /api/v1/profile': ({ headers }) => ({
          status: headers?.['api-access-token'] === 'token' ? 200 : 401,
        }),
      },
    },
  ],
  ['chatwoot.super-admin', 'failed', /422/, at('POST /super_admin/sign_in', { status: 422 })],
  ['chatwoot.super-admin', 'failed', /no form/, at('GET /super_admin/sign_in', { text: '' })],
  [
    'chatwoot.super-admin',
    'failed',
    /302/,
    at('POST /super_admin/sign_in', { status: 302, headers: { location: '/super_admin/sign_in' } }),
  ],
  [
    'chatwoot.brand',
    'failed',
    /BRAND_NAME is Chatwoot/,
    at('GET /app/login', { text: page('false', 'Chatwoot') }),
  ],
  [
    'chatwoot.brand',
    'failed',
    /globalConfig is no JSON: \{not json\}/,
    at('GET /app/login', { text: '<script>globalConfig = {not json}\n</script>' }),
  ],
  ['chatwoot.brand', 'failed', /not shown/, at('GET /app/login', { text: '' })],
  ['chatwoot.cable', 'failed', /handshake 404/, { upgrade: { status: 404, kept: false } }],
  ['chatwoot.cable', 'failed', /closed at once/, { upgrade: { status: 101, kept: false } }],
  ['chatwoot.sdk', 'failed', /404/, at('GET /packs/js/sdk.js', { status: 404 })],
  ['chatwoot.sidekiq', 'failed', /worker-1: exit 1/, { beats: () => Promise.reject(new Error('exit 1')) }],
  ['chatwoot.sidekiq', 'failed', /no pod/, { pods: rightPods.slice(0, 2) }],
  ['chatwoot.prepared', 'failed', /no Job prepare/, { jobs: [prepareJob('app:1', 'Failed')] }],
  ['chatwoot.prepared', 'warning', /after a rollback/, { jobs: [] }],
  [
    'chatwoot.prepared',
    'failed',
    /the Job prepare ran app:0, the pods run app:1/,
    { jobs: [prepareJob('app:0', 'Complete')] },
  ],
  ['chatwoot.database', 'failed', /missing: vector/, { extensions: rightExtensions.replace(' vector', '') }],
  ['chatwoot.database', 'failed', /is a superuser/, { extensions: `${rightExtensions} SUPERUSER` }],
  [
    'chatwoot.storage',
    'failed',
    /may not write into bucket files; 403/,
    {
      roundTrip: () =>
        Promise.reject(
          new KitError('S3: this key may not write into bucket files', {
            exitCode: exitCodes.denied,
            details: ['403 AccessDenied'],
          }),
        ),
    },
  ],
  ['chatwoot.storage', 'warning', /no S3/, { settings: withoutS3 }],
  ['chatwoot.spread', 'warning', /there is no S3/, { settings: withoutS3, pods: rightPods.slice(0, 3) }],
  ['chatwoot.spread', 'warning', /worker on 1/, { pods: rightPods.slice(0, 3) }],
  ['chatwoot.restarts', 'failed', /OOMKilled/, { pods: [crashed as LiveObject, ...rightPods.slice(1)] }],
  ['chatwoot.eviction', 'warning', /allkeys-lru/, { policy: 'allkeys-lru' }],
  ['chatwoot.eviction', 'warning', /does not tell/, { policy: undefined }],
]
test('an interruption is no answer of a worker', async () => {
  const stopped = new KitError('stopped', { exitCode: exitCodes.interrupted })
  await assert.rejects(runChecks(checks, toolsOf({ beats: () => Promise.reject(stopped) })), stopped)
})

test('tokens and cookies of the checks are shown nowhere', async () => {
  const made = ['header-token-of-the-admin', 'api-token-of-the-admin', 'session-of-the-visitor']
  const [header = '', token = '', session = ''] = made
  const routes: Record<string, Route> = {
    'POST /auth/sign_in': () => ({
      json: { data: { access_token: token, account_id: 1 } },
      headers: { ...signedIn, 'access-token': header },
    }),
    'GET /super_admin/sign_in': () => ({
      text: form,
      headers: { 'set-cookie': [`session=${session}; Secure`] },
    }),
  }
  await runChecks(checks, toolsOf({ routes }))
  assert.equal(redact(made.join(' ')), '*** *** ***')
})

for (const [id, result, evidence, world] of faults) {
  test(`${id} sees it: ${evidence.source}`, async () => {
    const [outcome] = await runChecks(
      checks.filter((check) => check.id === id),
      toolsOf(world),
    )
    assert.equal(outcome?.result, result)
    assert.match(outcome.evidence, evidence)
  })
}

test('every check can fail', () => {
  // Those of secrets in Vault are the same for every module: tests/unit/checks/vault-secrets.test.mts.
  const proven = new Set([...faults.map(([id]) => id), 'chatwoot.vault', 'chatwoot.copies'])
  assert.deepEqual(
    checks.map(({ id }) => id).filter((id) => !proven.has(id)),
    [],
  )
})
