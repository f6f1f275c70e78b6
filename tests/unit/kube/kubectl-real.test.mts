import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { createKubectl } from '../../../lib/kube/kubectl.mts'

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

const failed = (server: string, user: object): Promise<KitError> =>
  kubectlFor(server, user)
    .run(['get', 'pods', '--namespace', 'n8n-dev'])
    .then(
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
    const error = await failed(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {})
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
    const error = await failed('https://127.0.0.1:1', user)
    assert.equal(error.exitCode, exitCode, error.details.join('\n'))
    assert.match(error.message, words)
  })
}
