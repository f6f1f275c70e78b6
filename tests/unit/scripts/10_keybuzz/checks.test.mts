import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { runChecks, type Outcome, type Tools } from '../../../../lib/checks/checks.mts'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import type { HttpAnswer } from '../../../../lib/checks/http-exchange.mts'
import type { HttpRequest } from '../../../../lib/checks/http.mts'
import type { LiveObject } from '../../../../lib/kube/types.mts'
import { kubectlError } from '../../../../lib/kube/kubectl-errors.mts'
import { checks } from '../../../../scripts/10_keybuzz/checks.mts'
import { firstThatRuns } from '../../../../scripts/10_keybuzz/inside.mts'
import type { KeybuzzSettings } from '../../../../scripts/10_keybuzz/settings.mts'

// API and front here are a stand-in: a table of answers, all right, of which each test makes one wrong.

const settings = {
  ENV: 'dev',
  API_HOST: 'api.dev.example.com',
  FRONT_HOST: 'app.dev.example.com',
  API_HEALTH: '/health',
  FRONT_HEALTH: '/',
  API_PORT: 3001,
  FRONT_PORT: 3000,
  POSTGRES_HOST: '192.0.2.10',
  POSTGRES_PORT: 5432,
  REDIS_HOST: '192.0.2.11',
  REDIS_PORT: 6379,
  RABBITMQ_HOST: '192.0.2.12',
  RABBITMQ_PORT: 5672,
  API_CORS_ORIGINS: 'https://shop.example.com',
} as unknown as KeybuzzSettings

// Nobody waits here for an ingress: each look at the clock is a minute later.
let minutes = 0
mock.method(performance, 'now', () => (minutes += 60_000))

const longAgo = new Date(Date.now() - 3_600_000).toISOString()

const pod = (part: string, number: number, status: object = {}): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `keybuzz-${part}-${number}`,
    namespace: 'keybuzz-dev',
    creationTimestamp: longAgo,
    labels: { 'app.kubernetes.io/component': part },
  },
  spec: { nodeName: `worker-0${number}` },
  status: { containerStatuses: [{ name: part, ready: true, restartCount: 0, ...status }] },
})
const rightPods = [pod('api', 1), pod('api', 2), pod('front', 1), pod('front', 2)]

const autoscaler = (status: object = {}): LiveObject => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'any' },
  spec: { minReplicas: 2, maxReplicas: 8 },
  status: {
    currentReplicas: 2,
    desiredReplicas: 2,
    conditions: [{ type: 'ScalingActive', status: 'True' }],
    currentMetrics: [{ resource: { current: { averageUtilization: 12 } } }],
    ...status,
  },
})

interface Given {
  status?: number
  text?: string
  headers?: Record<string, string | string[]>
}

interface World {
  pods?: LiveObject[]
  api?: Given
  front?: Given
  /** What the API's Service answers through the API server. */
  service?: string | KitError
  autoscaler?: LiveObject | undefined
  /** What the programs in a pod say, by their name. */
  inside?: Record<string, string>
  /** The error of every program in a pod. */
  execFails?: KitError
  /** What the API says to a body that is too large; undefined: it waits for the rest. */
  large?: number | undefined
  /** The origin a preflight allows. */
  allows?: (origin: string) => string | undefined
}

const rightInside = '192.0.2.10:5432 ok\n192.0.2.11:6379 ok\n192.0.2.12:5672 ok\n'
const named = (origin: string) => (origin === 'https://shop.example.com' ? origin : undefined)

function toolsOf(world: World): Tools<KeybuzzSettings> {
  const { pods = rightPods, service = 'ok', inside = { node: rightInside }, allows = named } = world
  const found = 'autoscaler' in world ? world.autoscaler : autoscaler()
  const ask = (host: string, _path: string, request: HttpRequest = {}): Promise<HttpAnswer> => {
    const { status = 200, text = '', headers = {} } = (host.startsWith('api') ? world.api : world.front) ?? {}
    const allowed = allows(request.headers?.['origin'] ?? '')
    const cors = request.method === 'OPTIONS' && allowed ? { 'access-control-allow-origin': allowed } : {}
    return Promise.resolve({
      status,
      text,
      headers: { ...headers, ...cors } as HttpAnswer['headers'],
      json: () => ({}),
    })
  }
  return {
    settings,
    http: {
      ask,
      announce: (host: string, _path: string, bytes: number) => {
        assert.equal(bytes, 50 * 1024 * 1024 + 1)
        const status = host.startsWith('api') && 'large' in world ? world.large : 413
        return Promise.resolve({ answer: status === undefined ? undefined : { status }, sent: 16_384 })
      },
    },
    kube: {
      list: () => Promise.resolve(pods),
      get: () => Promise.resolve(found),
      raw: () => (service instanceof KitError ? Promise.reject(service) : Promise.resolve(service)),
      runIn: (_pod: LiveObject, [program = '']: string[]) => {
        if (world.execFails !== undefined) return Promise.reject(world.execFails)
        const said = inside[program]
        if (said !== undefined) return Promise.resolve(said)
        const words = `exec: "${program}": executable file not found in $PATH`
        return Promise.reject(new KitError(words, { exitCode: exitCodes.rolloutFailed }))
      },
    },
  } as unknown as Tools<KeybuzzSettings>
}

async function outcomeOf(id: string, world: World): Promise<Outcome> {
  const [outcome] = await runChecks(
    checks.filter((check) => check.id === id),
    toolsOf(world),
  )
  assert.ok(outcome !== undefined, `there is no check ${id}`)
  return outcome
}

test('on an API and a front that are right, every check passes', async () => {
  const outcomes = await runChecks(checks, toolsOf({}))
  assert.deepEqual(
    outcomes.filter(({ result }) => result !== 'passed'),
    [],
  )
  assert.equal(outcomes.length, 10)
})

const wrong: [id: string, what: string, world: World, evidence: RegExp][] = [
  [
    'keybuzz.body-limit',
    'the API is sent what is too large',
    { large: undefined },
    /^api waits for the rest of 52428801 bytes after 16 KiB: nothing has refused it$/,
  ],
  [
    'keybuzz.body-limit',
    'the API itself answers',
    { large: 404 },
    /^api answered 404, not 413, to 52428801 bytes: the request was let through$/,
  ],
  ['keybuzz.body-limit', 'the ingress cannot keep requests', { large: 500 }, /^api answered 500/],
  [
    'keybuzz.ready',
    'a pod is not ready',
    { pods: [...rightPods, pod('api', 3, { ready: false })] },
    /keybuzz-api-3\/api/,
  ],
  ['keybuzz.ready', 'there is no front', { pods: [pod('api', 1)] }, /no pod of front/],
  [
    'keybuzz.service',
    'a Service leads nowhere',
    { service: new KitError('no endpoints available', { exitCode: exitCodes.rolloutFailed }) },
    /keybuzz-api:3001: no endpoints available/,
  ],
  [
    'keybuzz.public',
    'the public name of the API answers 404',
    { api: { status: 404 } },
    /api\.dev\.example\.com\/health 404/,
  ],
  ['keybuzz.public', 'the front answers 500', { front: { status: 500 } }, /app\.dev\.example\.com\/ 500/],
  [
    'keybuzz.backends',
    'RabbitMQ is not reached',
    { inside: { node: rightInside.replace('5672 ok', '5672 ECONNREFUSED') } },
    /keybuzz-api-1: 192\.0\.2\.12:5672 ECONNREFUSED/,
  ],
  [
    'keybuzz.backends',
    'a target is passed over in silence',
    { inside: { node: '192.0.2.10:5432 ok' } },
    /6379 was not tried/,
  ],
  ['keybuzz.backends', 'there is no pod of the API', { pods: [] }, /no pod of the API/],
  [
    'keybuzz.autoscalers',
    'there are no figures',
    {
      autoscaler: autoscaler({
        conditions: [{ type: 'ScalingActive', status: 'False', message: 'unable to get metrics' }],
      }),
    },
    /api: unable to get metrics/,
  ],
  [
    'keybuzz.autoscalers',
    'it has read nothing',
    { autoscaler: autoscaler({ currentMetrics: null }) },
    /api: /,
  ],
  ['keybuzz.autoscalers', 'there is none', { autoscaler: undefined }, /there is no autoscaler/],
  [
    'keybuzz.https',
    'the front links to http',
    { front: { text: '<a href="http://app.dev.example.com/">' } },
    /front gives out http:\/\/app/,
  ],
  [
    'keybuzz.https',
    'the front redirects to http',
    { front: { status: 302, headers: { location: 'http://app.dev.example.com/' } } },
    /front gives out http:\/\/app/,
  ],
  [
    'keybuzz.https',
    'the API redirects in a circle, because it sees http',
    { api: { status: 301, headers: { location: 'https://api.dev.example.com/health' } } },
    /to itself/,
  ],
  [
    'keybuzz.headers',
    'a cookie goes over http too',
    { front: { headers: { 'set-cookie': ['session=1; HttpOnly'] } } },
    /front sets session without Secure/,
  ],
  ['keybuzz.headers', 'a named origin is refused', { allows: () => undefined }, /shop\.example\.com may not/],
  ['keybuzz.headers', 'any origin is let in', { allows: (origin) => origin }, /any page may call the API/],
  ['keybuzz.headers', 'all are let in by a star', { allows: () => '*' }, /any page may call the API: \*/],
  [
    'keybuzz.restarts',
    'a container crashed just now',
    {
      pods: [
        pod('api', 1, {
          ready: false,
          lastState: { terminated: { reason: 'OOMKilled', finishedAt: new Date().toISOString() } },
        }),
      ],
    },
    /keybuzz-api-1\/api OOMKilled/,
  ],
]

for (const [id, what, world, evidence] of wrong) {
  test(`${id} fails when ${what}`, async () => {
    const { result, evidence: seen } = await outcomeOf(id, world)
    assert.equal(result, 'failed', seen)
    assert.match(seen, evidence)
  })
}

test('keybuzz.headers says what a foreign origin may where none is named', async () => {
  const evidenceOf = async (allows: World['allows']) => {
    const none = { ...settings, API_CORS_ORIGINS: undefined } as unknown as KeybuzzSettings
    const [outcome] = await runChecks(
      checks.filter(({ id }) => id === 'keybuzz.headers'),
      { ...toolsOf({ allows: allows ?? (() => undefined) }), settings: none },
    )
    return [outcome?.result, outcome?.evidence]
  }
  assert.deepEqual(await evidenceOf(() => undefined), ['passed', 'a foreign origin may not; none is named'])
  assert.deepEqual(await evidenceOf(() => '*'), [
    'passed',
    'none is named; the API itself lets every page call it, without its cookies (*)',
  ])
})

test('keybuzz.spread warns when both pods stand on one node', async () => {
  const { result, evidence } = await outcomeOf('keybuzz.spread', {
    pods: [pod('api', 1), pod('front', 1), pod('front', 2)],
  })
  assert.equal(result, 'warning')
  assert.match(evidence, /api on 1, front on 2/)
})

test('keybuzz.backends asks with whatever the image has, and says when it has nothing', async () => {
  for (const program of ['node', 'python3', 'sh'])
    assert.equal(
      (await outcomeOf('keybuzz.backends', { inside: { [program]: rightInside } })).result,
      'passed',
    )
  const { result, evidence } = await outcomeOf('keybuzz.backends', { inside: {} })
  assert.equal(result, 'warning')
  assert.match(evidence, /it cannot be asked from inside/)
})

/** The error of `kubectl exec`, as lib/kube/kubectl-errors.mts makes it. */
const execError = (...details: string[]) =>
  kubectlError(['exec', '--namespace'], { code: 1, stderr: details.join('\n') })

const path = 'OCI runtime exec failed: exec failed: unable to start container process'
for (const words of [
  `error: Internal error occurred: error executing command in container: ${path}: exec: "node": executable file not found in $PATH: unknown`,
  'error: executing command in container: executable file `node` not found in $PATH: No such file or directory',
  `${path}: exec /usr/bin/node: no such file or directory`,
  'command terminated with exit code 127',
])
  test(`a program that an image has not: ${words}`, async () => {
    const ways = [['node'], ['sh']] as const
    const run = ([program]: readonly string[]) =>
      program === 'sh' ? Promise.resolve('by sh') : Promise.reject(execError(words))
    assert.equal(await firstThatRuns(ways, run), 'by sh')
  })

for (const words of [
  'Error from server (NotFound): pods "keybuzz-api-1" not found',
  'error: unable to upgrade connection: container not found ("api")',
  'error: getting credentials: exec: executable aws not found',
])
  test(`keybuzz.backends blames no image for what it does not say: ${words}`, async () => {
    const { result, evidence } = await outcomeOf('keybuzz.backends', { execFails: execError(words) })
    assert.equal(result, 'failed')
    assert.ok(evidence.includes(words), evidence)
  })

test('every check that can fail has a test here that makes it fail', () => {
  // Those of secrets in Vault are the same for every module: tests/unit/checks/vault-secrets.test.mts.
  const tested = new Set([...wrong.map(([id]) => id), 'keybuzz.spread', 'keybuzz.vault', 'keybuzz.copies'])
  assert.deepEqual(
    checks.map(({ id }) => id).filter((id) => !tested.has(id)),
    [],
  )
})
