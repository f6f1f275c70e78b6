import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes } from '../../../lib/base/errors.mts'
import { kubectlError } from '../../../lib/kube/kubectl-errors.mts'

const refused = (stderr: string) => kubectlError(['exec', 'n8n-1', '--', 'true'], { code: 1, stderr })

// What kubectl was seen to write; each is tried again or not, depending on its exit code.
const seen = [
  ['The connection to the server 192.0.2.1:6443 was refused', exitCodes.unreachable],
  ['Error from server: etcdserver: request timed out', exitCodes.unreachable],
  // Both sides have 10 s: that time kubectl's ended first.
  [
    'error: Put "https://192.0.2.1:6443/apis?timeout=10s": net/http: request canceled (Client.Timeout exceeded while awaiting headers)',
    exitCodes.unreachable,
  ],
  [
    'Error from server (Timeout): Timeout: request did not complete within requested timeout',
    exitCodes.unreachable,
  ],
  ['Unable to read: net/http: TLS handshake timeout', exitCodes.unreachable],
  ['error: http2: client connection lost', exitCodes.unreachable],
  [
    'Error from server (TooManyRequests): the server has received too many requests and has asked us to try again later',
    exitCodes.unreachable,
  ],
  // A proxy's refusal is not the API server's.
  ['Unable to connect to the server: Forbidden', exitCodes.unreachable],
  ['Unable to connect to the server: Proxy Authentication Required', exitCodes.unreachable],
  [
    'Unable to connect to the server: proxyconnect tcp: dial tcp: lookup proxy.example.com: no such host',
    exitCodes.unreachable,
  ],
  ['error: You must be logged in to the server (Unauthorized)', exitCodes.denied],
  ['Error from server (Forbidden): pods "n8n-1" is forbidden: User "x" cannot exec', exitCodes.denied],
  ['error: unable to upgrade connection: Unauthorized', exitCodes.denied],
  ['error: unable to upgrade connection: container not found ("n8n")', exitCodes.rolloutFailed],
  ['Unable to connect to the server: x509: certificate has expired', exitCodes.trust],
  ['Error from server: etcdserver: leader changed', exitCodes.unreachable],
  // What kubectl's logger and the API server's warnings say beside the reason.
  [
    'E1126 12:00:00.123456    1234 memcache.go:287] "Unhandled Error" err="couldn\'t get resource list for metrics.k8s.io/v1beta1: the server is currently unable to handle the request"\nError from server (NotFound): pods "n8n-1" not found',
    exitCodes.rolloutFailed,
  ],
  [
    'Warning: v1 Endpoints is deprecated; it is unreachable soon\nerror: something new',
    exitCodes.rolloutFailed,
  ],
  [
    "E1126 12:00:00.1 1 memcache.go:265] couldn't get current server API group list: dial tcp 192.0.2.1:6443: connect: connection refused",
    exitCodes.unreachable,
  ],
  // The API server answers; it is a node that it does not reach.
  [
    'Error from server: error dialing backend: dial tcp 192.0.2.3:10250: connect: connection refused',
    exitCodes.rolloutFailed,
  ],
] as const

for (const [stderr, code] of seen) {
  test(`kubectl: ${stderr.slice(0, 60)}: exit ${code}`, () => {
    assert.equal(refused(stderr).exitCode, code)
  })
}

for (const [why, where] of [
  ['no such file or directory', '/home/ops/.rancher'],
  ['write /var/lib/rancher/k3s/data/.tmp/bin/k3s: no space left on device', '/var/lib/rancher'],
] as const) {
  test(`kubectl: a k3s that cannot unpack itself (${why.slice(-25)}) is told the folder to give it: exit 3`, () => {
    const { message, exitCode, hint } = refused(
      `time="2026-11-30T16:40:23Z" level=info msg="Acquiring lock file ${where}/k3s/data/.lock"\ntime="2026-11-30T16:40:23Z" level=fatal msg="Error: extracting data: ${why}"`,
    )
    assert.equal(exitCode, exitCodes.preflight)
    assert.equal(message, `k3s kubectl cannot unpack its programs on this machine: ${why}`)
    assert.match(hint ?? '', /^export K3S_DATA_DIR=FOLDER, .*KEYBUZZ_KUBECTL/)
  })
}

test('kubectl: words nobody knows stay whole, with exit 9 and the log to look at', () => {
  const error = refused('W1126 12:00:00.1 noise\nerror: something new')
  assert.equal(error.exitCode, exitCodes.rolloutFailed)
  assert.deepEqual(error.details, ['error: something new'])
})

test('kubectl: what the proxy of this machine refuses is told as that, with NO_PROXY as the way out', () => {
  const error = refused('Unable to connect to the server: Forbidden')
  assert.match(error.message, /proxy of this machine/)
  assert.match(error.hint ?? '', /NO_PROXY/)
})

test('kubectl: of a server that cannot be reached while a proxy is set, the proxy is told too', (t) => {
  const words = 'The connection to the server 192.0.2.1:6443 was refused'
  const { env } = process
  t.after(() => void (process.env = env))
  process.env = { ...env }
  process.env['HTTPS_PROXY'] = 'http://operator:secret-3Aa@192.0.2.9:3128'
  const { details } = refused(words)
  assert.match(details.join('\n'), /HTTPS_PROXY is set/)
  assert.doesNotMatch(details.join('\n'), /secret-3Aa/)
  for (const name of ['HTTPS_PROXY', 'https_proxy']) process.env[name] = ''
  assert.deepEqual(refused(words).details, [words])
})

test('kubectl: what a program in a pod writes before it fails is not taken for the API server’s', () => {
  const stderr = 'psql: connection refused\ncommand terminated with exit code 2'
  const inPod = kubectlError(['exec', 'n8n-1', '--', 'psql'], { code: 2, stderr })
  assert.equal(inPod.exitCode, exitCodes.rolloutFailed)
  assert.deepEqual(inPod.details, stderr.split('\n'))
})

test('an error without a known meaning names the verb and what it was about', () => {
  const failed = (...words: string[]) => kubectlError(words, { code: 1, stderr: 'odd' }).message
  assert.equal(
    failed('exec', '--namespace', 'a', 'web-1', '--', 'true'),
    'kubectl exec web-1 failed (exit 1)',
  )
  assert.equal(failed('get', 'pods', '--namespace', 'a'), 'kubectl get pods failed (exit 1)')
  assert.equal(failed('version'), 'kubectl version failed (exit 1)')
})
