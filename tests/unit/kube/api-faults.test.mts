import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { endBackground } from '../../../lib/base/background.mts'
import { exitCodes } from '../../../lib/base/errors.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { accepts, openApiProxy } from '../../../lib/kube/api-proxy.mts'
import { interruption } from '../../../lib/base/signals.mts'
import { serveApi, status, type Given } from './served-api.mts'

// What goes wrong between the kit and the API server, and what is said of it. tests/unit/kube/kubectl-real.test.mts has
// the words of the real kubectl.

/** Answers in turn, the last one for ever. */
const inTurn = (...given: (Given | undefined)[]) => {
  let asked = 0
  return () => given[Math.min((asked += 1), given.length) - 1]
}
const well: Given = { body: 'well' }
/** What `kubectl proxy` itself answers: Go's error, as plain text. */
const ofProxy = (body: string): Given => ({ code: 500, body })

for (const [what, given, exitCode, words] of [
  ['401', status(401, 'Unauthorized', 'Unauthorized'), exitCodes.denied, /does not know this kubeconfig/],
  ['401 without reason', { code: 401, body: 'no' }, exitCodes.denied, /does not know this kubeconfig/],
  [
    '403',
    status(403, 'Forbidden', 'nodes is forbidden: User "ops" cannot list'),
    exitCodes.denied,
    /forbids it/,
  ],
  [
    '410',
    status(410, 'Expired', 'too old resource version'),
    exitCodes.rolloutFailed,
    /^kubectl get --raw failed/,
  ],
  [
    '422 in words of a server that is away',
    status(422, 'Invalid', 'spec.tolerations[0].key: "node.kubernetes.io/unreachable": unexpected EOF'),
    exitCodes.rolloutFailed,
    /failed/,
  ],
  [
    '409, whatever its words are',
    status(409, 'Conflict', 'modifié entre-temps'),
    exitCodes.conflict,
    /changed by somebody else/,
  ],
  [
    '409 of an object that is there already',
    status(409, 'AlreadyExists', 'pods "web-1" already exists'),
    exitCodes.rolloutFailed,
    /failed/,
  ],
  [
    '429',
    status(429, 'TooManyRequests', 'received too many requests'),
    exitCodes.unreachable,
    /cannot be reached/,
  ],
  ['429 as text', { code: 429, body: 'Too many' }, exitCodes.unreachable, /cannot be reached/],
  ['500 of etcd', status(500, '', 'etcdserver: leader changed'), exitCodes.unreachable, /cannot be reached/],
  [
    '500 of an application',
    { code: 500, body: 'oops', headers: { 'audit-id': '1' } },
    exitCodes.rolloutFailed,
    /failed/,
  ],
  ['503', { code: 503, body: 'starting' }, exitCodes.unreachable, /cannot be reached/],
  [
    'a Service without a ready pod',
    status(503, 'ServiceUnavailable', 'no endpoints available for service "litellm:4000"'),
    exitCodes.rolloutFailed,
    /does not reach what it was asked for/,
  ],
  ['504', { code: 504, body: '' }, exitCodes.unreachable, /cannot be reached/],
  ['418', { code: 418, body: '' }, exitCodes.rolloutFailed, /failed/],
  [
    'a refused connection',
    ofProxy('dial tcp 192.0.2.1:6443: connect: connection refused'),
    exitCodes.unreachable,
    /cannot be reached/,
  ],
  [
    'a foreign certificate',
    ofProxy('tls: failed to verify certificate: x509: unknown authority'),
    exitCodes.trust,
    /is not trusted/,
  ],
  ['a proxy that refuses', ofProxy('Forbidden'), exitCodes.unreachable, /the proxy of this machine/],
  [
    'no login program',
    ofProxy('getting credentials: exec: executable aws not found'),
    exitCodes.preflight,
    /not on this machine/,
  ],
] as const) {
  test(`${what}: exit ${exitCode}, asked once`, async () => {
    const { kubectl, asked } = await serveApi(() => given)
    await assert.rejects(kubectl.api.raw('/x'), { exitCode, message: words })
    assert.equal(asked.length, 1)
  })
}

test('a pod that answers with an error of its own is not taken for an API server that is away', async () => {
  const own = { code: 500, body: 'no session', headers: { 'audit-id': '1', 'content-type': 'text/plain' } }
  const { kubectl } = await serveApi(inTurn(well, own))
  await kubectl.api.raw('/x')
  await assert.rejects(kubectl.api.raw('/x'), {
    exitCode: exitCodes.rolloutFailed,
    details: [
      'Error from server (InternalError): an error on the server ("no session") has prevented the request',
    ],
  })
})

test('a server that wants to be asked later is asked later', async () => {
  const later = status(429, 'TooManyRequests', 'received too many requests', { 'retry-after': '1' })
  const { kubectl, asked } = await serveApi(inTurn(later, well))
  const started = performance.now()
  assert.equal(await kubectl.api.raw('/x'), 'well')
  assert.ok(performance.now() - started > 950)
  assert.equal(asked.length, 2)
  const long = await serveApi(() => ({ ...later, headers: { 'retry-after': '3600' } }))
  await assert.rejects(long.kubectl.api.raw('/x'), { exitCode: exitCodes.unreachable })
})

test('a server that has answered before is asked again by another context, by a proxy of its own; what is asked once is not', async () => {
  const { kubectl, proxies } = await serveApi(inTurn(well, ofProxy('connection refused'), well), {
    another: 'other',
  })
  await kubectl.api.raw('/x')
  assert.equal(await kubectl.api.raw('/x'), 'well')
  assert.deepEqual(
    proxies().map(({ context }) => context),
    ['test', 'other'],
  )
  assert.deepEqual(kubectl.words.slice(-2), ['--context', 'other'])
  const impatient = await serveApi(inTurn(well, ofProxy('connection refused'), well))
  await impatient.kubectl.api.raw('/x')
  await assert.rejects(impatient.kubectl.api.raw('/x', { once: true }), { exitCode: exitCodes.unreachable })
})

test('a server that is silent while another one answers is left after seconds; what is written once waits for its answer', async () => {
  const looked: string[] = []
  const { kubectl, proxies } = await serveApi(inTurn(well, undefined, well, undefined), {
    another: 'other',
    isSilent(context) {
      looked.push(context)
      return Promise.resolve(context === 'test')
    },
  })
  await kubectl.api.raw('/x')
  const started = performance.now()
  assert.equal(await kubectl.api.raw('/x'), 'well')
  assert.ok(performance.now() - started < 10_000, 'not the 60 s of a request')
  assert.deepEqual(looked, ['test'])
  assert.deepEqual(
    proxies().map(({ context }) => context),
    ['test', 'other'],
  )
  const options = { once: true, timeoutSeconds: 3 }
  await assert.rejects(kubectl.api.post('/x', {}, ['create'], options), { exitCode: exitCodes.unreachable })
  assert.deepEqual(looked, ['test'])
})

test('after its kubeconfig was written anew another proxy is started, which reads it', async () => {
  const { kubectl, kubeconfig, proxies } = await serveApi(() => well)
  await kubectl.api.raw('/x')
  await kubectl.api.raw('/x')
  assert.equal(proxies().length, 1)
  utimesSync(kubeconfig, 1, 1)
  await kubectl.api.raw('/x')
  assert.equal(proxies().length, 2)
})

test('an answer that does not come, or not to its end, is an API server that is away: exit 6 after the seconds given', async () => {
  const { kubectl } = await serveApi(() => undefined)
  await assert.rejects(kubectl.api.raw('/x', { timeoutSeconds: 0.3 }), {
    exitCode: exitCodes.unreachable,
    message: 'the API server cannot be reached',
    details: ['Unable to connect to the server: context deadline exceeded (Client.Timeout exceeded)'],
  })
})

test('an answer without an end is cut: exit 9', async () => {
  const { kubectl } = await serveApi(() => ({ body: 'x'.repeat(64 * 1024 * 1024 + 1) }))
  await assert.rejects(kubectl.api.raw('/x'), {
    exitCode: exitCodes.rolloutFailed,
    message: /more than 64 MiB in one answer$/,
  })
})

test('a connection that breaks behind the proxy is exit 6; when the proxy was killed another is started, and asked', async () => {
  const broken = await serveApi(() => (broken.cut(), undefined))
  await assert.rejects(broken.kubectl.api.raw('/x'), { exitCode: exitCodes.unreachable })
  assert.equal(broken.proxies().length, 1)
  let answers = 0
  const served = await serveApi(() => {
    answers += 1
    if (answers !== 2) return well
    process.kill(served.proxies()[0]?.id ?? 0, 'SIGKILL')
    // Its socket is gone when its shell has seen it end.
    setTimeout(() => served.cut(), 300)
    return undefined
  })
  await served.kubectl.api.raw('/x')
  assert.equal(await served.kubectl.api.raw('/x'), 'well')
  assert.equal(served.proxies().length, 2)
})

test('a kubectl proxy that does not start is told in its own words', async () => {
  const { kubectl } = await serveApi(() => well, {
    before: `echo 'error: context "test" does not exist' >&2; exit 1`,
  })
  await assert.rejects(kubectl.api.raw('/x'), {
    exitCode: exitCodes.rolloutFailed,
    details: ['error: context "test" does not exist'],
  })
  const foreign = await serveApi(() => well, {
    before: `echo 'x509: certificate signed by unknown authority' >&2; exit 1`,
  })
  await assert.rejects(foreign.kubectl.api.list('pods'), { exitCode: exitCodes.trust })
})

test('a temporary folder in which nothing can be made is exit 12', async () => {
  const before = process.env['TMPDIR']
  process.env['TMPDIR'] = '/proc/self'
  try {
    await assert.rejects(openApiProxy(['true']), {
      exitCode: exitCodes.localDisk,
      message: /^cannot make a temporary folder in \/proc\/self: /,
      details: ['Nothing was written.'],
    })
  } finally {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
  }
})

test('what the API server warns of with an answer is on the screen once a run, redacted', async (context) => {
  sensitive('planted-warning-1')
  const headers = {
    warning: String.raw`299 - "v1 \"Endpoints\" is old", 299 - "and so is planted-warning-1"`,
  }
  const { kubectl } = await serveApi(() => ({ ...well, headers }))
  let screen = ''
  context.mock.method(process.stderr, 'write', (text: string) => Boolean((screen += text)))
  await kubectl.api.raw('/x')
  await kubectl.api.raw('/y')
  context.mock.restoreAll()
  assert.deepEqual(screen.match(/warns: .*/g), ['warns: v1 "Endpoints" is old', 'warns: and so is ***'])
})

test('the socket is where only this user may enter, and gone with its proxy', async () => {
  const python = `import socket,sys,time
s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); time.sleep(600)`
  const script = `for word; do case "$word" in --unix-socket=*) exec python3 -c "$0" "\${word#*=}" ;; esac; done`
  const { socket, program } = await openApiProxy(['sh', '-c', script, python])
  assert.equal(statSync(dirname(socket)).mode & 0o777, 0o700)
  assert.ok(await accepts(socket))
  await program.end()
  assert.ok(!existsSync(dirname(socket)))
})

test('a Ctrl-C ends a question under way: exit 130; nothing of it is left', async () => {
  const served = await serveApi(() => undefined)
  interruption.listen()
  const asked = assert.rejects(served.kubectl.api.raw('/x'), { exitCode: exitCodes.interrupted })
  while (served.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  process.kill(process.pid, 'SIGINT')
  await asked
  await assert.rejects(served.kubectl.api.raw('/x'), { exitCode: exitCodes.interrupted })
  await endBackground()
  const { id } = served.proxies()[0] ?? { id: 0 }
  assert.ok(!existsSync(`/proc/${id}`) || readFileSync(`/proc/${id}/stat`, 'utf8').includes(' Z '))
})
