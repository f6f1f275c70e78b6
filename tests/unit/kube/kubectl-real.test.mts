import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { openApiProxy } from '../../../lib/kube/api-proxy.mts'
import { createKubectl, type Kubectl } from '../../../lib/kube/kubectl.mts'

// The real kubectl, and an HTTP server on loopback that answers as an API server does.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-real-kubectl-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0

/** The real kubectl with a kubeconfig for this address and user. */
function kubectlFor(server: string, user: object) {
  const path = join(folder, `kubeconfig-${(files += 1)}`)
  writeFileSync(
    path,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [{ name: 'test', cluster: { server } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      users: [{ name: 'test', user }],
    }),
    { mode: 0o600 },
  )
  const words = ['kubectl', '--cache-dir', join(folder, `cache-${files}`)]
  return createKubectl(words, path, { context: 'test', another: () => Promise.resolve('test') })
}

const ways = {
  'a command': (kubectl: Kubectl) => kubectl.run(['get', 'pods', '--namespace', 'n8n-dev']),
  'a question': (kubectl: Kubectl) => kubectl.api.list('pods', { namespace: 'n8n-dev' }),
}

const failed = (server: string, user: object, way: keyof typeof ways): Promise<KitError> =>
  ways[way](kubectlFor(server, user)).then(
    () => assert.fail('it answers'),
    (thrown: unknown) => {
      assert.ok(thrown instanceof KitError, String(thrown))
      return thrown
    },
  )

const status = (code: number, reason: string, message: string) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Status', status: 'Failure', reason, message, code })

test('kubectl: a metrics API that is starting does not hide why a command is refused', async () => {
  const server = createServer(({ url = '' }, response) => {
    const [path] = url.split('?')
    const [code, body] =
      path === '/api'
        ? [200, JSON.stringify({ kind: 'APIVersions', versions: ['v1'] })]
        : path === '/apis'
          ? [
              200,
              JSON.stringify({
                kind: 'APIGroupList',
                apiVersion: 'v1',
                groups: [
                  {
                    name: 'metrics.k8s.io',
                    versions: [{ groupVersion: 'metrics.k8s.io/v1beta1', version: 'v1beta1' }],
                  },
                ],
              }),
            ]
          : path?.startsWith('/apis/metrics')
            ? [503, status(503, 'ServiceUnavailable', 'the server is currently unable to handle the request')]
            : path === '/api/v1'
              ? [
                  200,
                  JSON.stringify({
                    kind: 'APIResourceList',
                    apiVersion: 'v1',
                    groupVersion: 'v1',
                    resources: [
                      {
                        name: 'pods',
                        singularName: 'pod',
                        kind: 'Pod',
                        namespaced: true,
                        verbs: ['get', 'list'],
                      },
                    ],
                  }),
                ]
              : [400, status(400, 'BadRequest', 'the field selector is not known')]
    response.writeHead(code as number, { 'content-type': 'application/json' })
    response.end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const error = await failed(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {}, 'a command')
    assert.equal(error.exitCode, exitCodes.rolloutFailed, error.details.join('\n'))
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

const plugin = (command: string, args: readonly string[], interactiveMode = 'IfAvailable') => ({
  exec: { apiVersion: 'client.authentication.k8s.io/v1', command, args, interactiveMode },
})

for (const [what, user, exitCode, words] of [
  ['is not installed', plugin('no-such-login', []), exitCodes.preflight, /not on this machine/],
  [
    'has no session',
    plugin('sh', ['-c', 'echo "connection refused: session expired" >&2; exit 1']),
    exitCodes.denied,
    /gave no credentials/,
  ],
  ['wants a terminal', plugin('sh', ['-c', 'true'], 'Always'), exitCodes.denied, /needs a terminal/],
] as const) {
  test(`kubectl: a login program of the kubeconfig that ${what} is told as that: exit ${exitCode}`, async () => {
    for (const way of ['a command', 'a question'] as const) {
      const error = await failed('https://127.0.0.1:1', user, way)
      assert.equal(error.exitCode, exitCode, `${way}: ${error.details.join('\n')}`)
      assert.match(error.message, words)
      if (what === 'has no session') assert.match(error.details.join('\n'), /session expired/, way)
    }
  })
}

test('kubectl: a refused connection is told alike by a command and by a question', async () => {
  for (const way of ['a command', 'a question'] as const) {
    const { exitCode, message, details } = await failed('http://127.0.0.1:1', {}, way)
    assert.deepEqual([exitCode, message], [exitCodes.unreachable, 'the API server cannot be reached'])
    assert.match(details.join('\n'), /127\.0\.0\.1:1.* refused/)
  }
})

test('kubectl proxy: a server below a path is asked there; what runs a program in a pod does not pass', async () => {
  const asked: string[] = []
  const server = createServer(({ method, url }, response) => {
    asked.push(`${method} ${url}`)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { words } = kubectlFor(`http://127.0.0.1:${port}/k8s/clusters/c-1`, {})
  const { socket, program } = await openApiProxy(words)
  const code = (method: string, path: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { host: 'localhost' }
      const sent = request({ socketPath: socket, method, path, headers, agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      sent.on('error', reject)
      sent.end()
    })
  const pod = '/api/v1/namespaces/a/pods/b'
  try {
    for (const verb of ['exec', 'attach', 'portforward'])
      for (const method of ['GET', 'POST'])
        assert.equal(await code(method, `${pod}/${verb}?command=true`), 403)
    asked.length = 0
    for (const path of [`${pod}:80/proxy/exec`, `${pod}/log?tailLines=1`])
      assert.equal(await code('GET', path), 200)
    assert.deepEqual(asked, [
      `GET /k8s/clusters/c-1${pod}:80/proxy/exec`,
      `GET /k8s/clusters/c-1${pod}/log?tailLines=1`,
    ])
  } finally {
    await program.end()
    server.closeAllConnections()
    server.close()
  }
})
