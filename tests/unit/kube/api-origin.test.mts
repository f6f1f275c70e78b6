import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes } from '../../../lib/base/errors.mts'
import { serveApi, status, type Given } from './served-api.mts'

// Answers of what is behind the API server, which passes them on.

test('what a pod, Service or node answers is theirs: exit 9, asked once, and the API server is not blamed', async () => {
  const headers = { 'audit-id': '1', 'retry-after': '1' }
  const pod = '/api/v1/namespaces/a/pods/n8n-1:5678/proxy/healthz/readiness'
  for (const [path, code, body, message, hint] of [
    [pod, 503, { status: 'error' }, 'pod n8n-1 answers 503: {"status":"error"}', '--namespace a logs n8n-1'],
    [pod, 500, 'connect:\n refused', 'pod n8n-1 answers 500: connect: refused', '--namespace a logs n8n-1'],
    [pod, 401, '', 'pod n8n-1 answers 401', '--namespace a logs n8n-1'],
    [
      '/api/v1/namespaces/a/services/http:web:80/proxy?x=1',
      503,
      'EOF',
      'service web answers 503: EOF',
      '--namespace a describe service web',
    ],
    ['/api/v1/nodes/k8s-1/proxy/healthz', 500, 'no', 'node k8s-1 answers 500: no', 'describe node k8s-1'],
  ] as const) {
    const { kubectl, asked } = await serveApi((at) =>
      at === '/x' ? { body: 'well' } : { code, body, headers },
    )
    await kubectl.api.raw('/x')
    await assert.rejects(kubectl.api.raw(path), {
      exitCode: exitCodes.rolloutFailed,
      message,
      hint: `see why: kubectl ${hint}`,
    })
    assert.equal(asked.length, 2)
  }
})

test('on the way to a pod, an error of the API server or of what is before it stays one', async () => {
  const path = '/api/v1/namespaces/a/pods/n8n-1:5678/proxy/healthz'
  const answers: Given[] = [
    status(503, 'ServiceUnavailable', 'apiserver not ready'),
    { code: 503, body: '<html>no server is available</html>' },
  ]
  for (const given of answers) {
    const { kubectl } = await serveApi(() => given)
    await assert.rejects(kubectl.api.raw(path), { exitCode: exitCodes.unreachable })
  }
})
