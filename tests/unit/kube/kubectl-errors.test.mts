import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes } from '../../../lib/base/errors.mts'
import { noteBegun } from '../../../lib/base/written.mts'
import { kubectlError } from '../../../lib/kube/kubectl-errors.mts'

const refused = (stderr: string) => kubectlError(['replace', '-f', '-'], { code: 1, stderr })

// What kubectl was seen to write; each is asked again or told, depending on its exit code.
const seen = [
  ['The connection to the server 192.0.2.1:6443 was refused', exitCodes.unreachable],
  [
    'error: error validating data: failed to download openapi: the server is currently unable to handle the request',
    exitCodes.unreachable,
  ],
  ['Error from server: etcdserver: request timed out', exitCodes.unreachable],
  // Both sides have 10 s: that time kubectl's ended first.
  [
    'error: error when replacing "STDIN": Put "https://192.0.2.1:6443/apis?timeout=10s": net/http: request canceled (Client.Timeout exceeded while awaiting headers)',
    exitCodes.unreachable,
  ],
  [
    'Error from server (Timeout): error when replacing "STDIN": Timeout: request did not complete within requested timeout',
    exitCodes.unreachable,
  ],
  ['Unable to read: net/http: TLS handshake timeout', exitCodes.unreachable],
  ['error: http2: client connection lost', exitCodes.unreachable],
  [
    'Error from server (TooManyRequests): the server has received too many requests and has asked us to try again later',
    exitCodes.unreachable,
  ],
  // That one is a disruption budget's word, under the same reason.
  [
    'Error from server (TooManyRequests): Cannot evict pod as it would violate the pod’s disruption budget.',
    exitCodes.rolloutFailed,
  ],
  // A proxy's refusal is not the API server's.
  ['Unable to connect to the server: Forbidden', exitCodes.unreachable],
  ['Unable to connect to the server: Proxy Authentication Required', exitCodes.unreachable],
  [
    'Unable to connect to the server: proxyconnect tcp: dial tcp: lookup proxy.example.com: no such host',
    exitCodes.unreachable,
  ],
  ['error: You must be logged in to the server (Unauthorized)', exitCodes.denied],
  ['Error from server (Forbidden): leases is forbidden: User "x" cannot update', exitCodes.denied],
  ['Unable to connect to the server: x509: certificate has expired', exitCodes.trust],
  ['Error from server (Forbidden): pods "n8n" is forbidden: exceeded quota: small', exitCodes.rolloutFailed],
  [
    'Error from server (InternalError): failed calling webhook "w.example.com": connection refused',
    exitCodes.rolloutFailed,
  ],
  [
    'Error from server (Forbidden): unable to create new content in namespace n8n because it is being terminated',
    exitCodes.conflict,
  ],
  // etcd's own refusals do not end by themselves.
  ['Error from server: etcdserver: mvcc: database space exceeded', exitCodes.rolloutFailed],
  ['Error from server: etcdserver: request is too large', exitCodes.rolloutFailed],
  [
    'Error from server (RequestEntityTooLarge): Request entity too large: limit is 3145728',
    exitCodes.rolloutFailed,
  ],
  [
    'Error from server: rpc error: code = ResourceExhausted desc = trying to send message larger than max (2097240 vs. 2097152)',
    exitCodes.rolloutFailed,
  ],
  ['Error from server: etcdserver: leader changed', exitCodes.unreachable],
  // What kubectl's logger and the API server's warnings say beside the reason.
  [
    'E1126 12:00:00.123456    1234 memcache.go:287] "Unhandled Error" err="couldn\'t get resource list for metrics.k8s.io/v1beta1: the server is currently unable to handle the request"\nThe Job "x" is invalid: spec.template: Invalid value: field is immutable',
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
  // The API server answers; it is a node or a pod that it does not reach.
  [
    'error trying to reach service: dial tcp 192.0.2.3:2381: connect: connection refused',
    exitCodes.rolloutFailed,
  ],
  [
    'Error from server (ServiceUnavailable): error trying to reach service: dial tcp 10.42.0.9:8081: i/o timeout',
    exitCodes.rolloutFailed,
  ],
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

test('kubectl: a volume that would shrink, or whose class does not let it grow, is told as that', () => {
  const shrinking = refused(
    'The PersistentVolumeClaim "qdrant-storage" is invalid: spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
  )
  assert.equal(shrinking.exitCode, exitCodes.conflict)
  assert.match(shrinking.message, /volumes do not shrink/)
  const fixed = refused(
    'Error from server (Forbidden): persistentvolumeclaims "qdrant-storage" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
  )
  assert.equal(fixed.exitCode, exitCodes.conflict)
  assert.match(fixed.hint ?? '', /allowVolumeExpansion/)
})

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

test('kubectl: a namespace that is being deleted is named in the command that shows what holds it', () => {
  const { hint } = refused(
    'Error from server (Forbidden): configmaps "env" is forbidden: unable to create new content in namespace n8n-dev because it is being terminated',
  )
  assert.match(hint ?? '', /^kubectl get namespaces n8n-dev -o yaml {3}shows/)
})

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

test('kubectl: a full etcd is told with the commands that make room', () => {
  const error = refused('Error from server: etcdserver: mvcc: database space exceeded')
  assert.match(error.message, /database of etcd is full/)
  assert.match(error.hint ?? '', /compact, defrag .* alarm disarm/)
})

for (const [stderr, words] of [
  [
    `The deployments "n8n" is invalid: : ValidatingAdmissionPolicy 'replicas.example.com' with binding 'all' denied request: failed expression: object.spec.replicas <= 1`,
    /^the admission policy replicas\.example\.com of the cluster denies deployments "n8n"$/,
  ],
  [
    `Error from server (Forbidden): error when applying: deployments.apps "n8n" is forbidden: ValidatingAdmissionPolicy 'labels' with binding 'apps' denied request: a label is missing`,
    /^the admission policy labels of the cluster denies deployments\.apps "n8n"$/,
  ],
  [
    'Error from server: error when creating "STDIN": admission webhook "validate.kyverno.svc-fail" denied the request: resource Deployment/n8n/n8n was blocked',
    /^the admission webhook validate\.kyverno\.svc-fail of the cluster denies it$/,
  ],
  [
    'Error from server (Forbidden): pods "n8n-1" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
    /^Pod Security \(restricted:latest\) of the namespace denies pods "n8n-1"$/,
  ],
] as const) {
  test(`kubectl: ${String(words).slice(2, 40)}...: policy and object are named, exit 8`, () => {
    const error = refused(stderr)
    assert.equal(error.exitCode, exitCodes.denied)
    assert.match(error.message, words)
    assert.doesNotMatch(error.hint ?? '', /cluster-admin/)
    assert.equal(error.details.at(-1), 'Nothing was written.')
  })
}

const named = (name: string) => ({ kind: 'Secret', metadata: { name, namespace: 'n8n' } })
const denied = 'Error from server: admission webhook "w.example.com" denied the request: no cost centre'
const denial = (sent: unknown) => kubectlError(['apply', '-f', '-'], { code: 1, stderr: denied }, sent)

test('kubectl: a webhook that does not name what it denies: the object that was sent is named', () => {
  assert.match(denial(named('a')).message, /denies Secret n8n\/a$/)
})

test('kubectl: every refusal by a rule of the cluster says what was written, and no other does', () => {
  const quota = 'Error from server (Forbidden): pods "n8n" is forbidden: exceeded quota: small'
  assert.match(refused(quota).message, /^the namespace’s quota does not allow pods "n8n"$/)
  const away = 'Error from server (InternalError): failed calling webhook "w.example.com": no answer'
  const limits = 'pods "n8n" is forbidden: maximum cpu usage per Container is 1, but limit is 2'
  for (const stderr of [quota, away, limits])
    assert.equal(refused(stderr).details.at(-1), 'Nothing was written.')
  noteBegun('Secret n8n/a')
  assert.equal(denial(named('b')).details.at(-1), 'This run had begun to write: Secret n8n/a.')
  const reading = 'Error from server (Forbidden): leases is forbidden: User "x" cannot list'
  assert.deepEqual(refused(reading).details, [reading])
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
