import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, type ExitCode } from '../../../lib/base/errors.mts'
import { noteBegun } from '../../../lib/base/written.mts'
import { refusedIn } from '../../../lib/kube/refused.mts'
import { ObjectModified, refusalError, ServerRefusal } from '../../../lib/kube/server-errors.mts'

// Answers of the API server that are no success: Status objects as Kubernetes 1.36 makes them.

type Details = Readonly<Record<string, unknown>>

const statusOf = (status: number, reason: string, message: string, details: Details = {}) =>
  refusedIn({
    status,
    body: JSON.stringify({ kind: 'Status', status: 'Failure', reason, message, details, code: status }),
  })

const sent = { kind: 'Secret', metadata: { name: 'a', namespace: 'n8n-dev' } }
const errorOf = (...given: Parameters<typeof statusOf>) => refusalError(['apply'], statusOf(...given), sent)

const pod = { name: 'n8n-1', kind: 'pods' }
const quota =
  'pods "n8n-1" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4'
const webhook =
  'Internal error occurred: failed calling webhook "w.example.com": failed to call webhook: refused'

const meanings: readonly (readonly [Parameters<typeof statusOf>, ExitCode, RegExp])[] = [
  [[401, 'Unauthorized', 'Unauthorized'], exitCodes.denied, /does not know this kubeconfig/],
  [[403, 'Forbidden', 'leases is forbidden: User "x" cannot update'], exitCodes.denied, /forbids it/],
  [[403, 'Forbidden', quota, pod], exitCodes.rolloutFailed, /quota does not allow pods "n8n-1"$/],
  [
    [403, 'Forbidden', 'pods "n8n-1" is forbidden: failed quota: small: must specify limits.cpu', pod],
    exitCodes.rolloutFailed,
    /quota does not allow pods "n8n-1"$/,
  ],
  [
    [
      403,
      'Forbidden',
      'pods "n8n-1" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
      pod,
    ],
    exitCodes.rolloutFailed,
    /LimitRange of the namespace does not allow pods "n8n-1"$/,
  ],
  [
    [403, 'Forbidden', 'pods "n8n-1" is forbidden: cpu max limit to request ratio per Pod is 2', pod],
    exitCodes.rolloutFailed,
    /LimitRange/,
  ],
  [
    [
      403,
      'Forbidden',
      'pods "n8n-1" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot',
      pod,
    ],
    exitCodes.denied,
    /^Pod Security \(restricted:latest\) of the namespace denies pods "n8n-1"$/,
  ],
  [
    [
      403,
      'Forbidden',
      'persistentvolumeclaims "q" is forbidden: only dynamically provisioned pvc can be resized and the storageclass must support resize',
    ],
    exitCodes.conflict,
    /does not let it grow$/,
  ],
  [
    [
      422,
      'Invalid',
      'PersistentVolumeClaim "q" is invalid: ...',
      { causes: [{ reason: 'FieldValueForbidden', field: 'spec.resources.requests.storage' }] },
    ],
    exitCodes.conflict,
    /volumes do not shrink$/,
  ],
  [
    [
      422,
      'Invalid',
      'Job "j" is invalid: immutable',
      { causes: [{ reason: 'FieldValueInvalid', field: 'spec' }] },
    ],
    exitCodes.rolloutFailed,
    /^kubectl apply failed/,
  ],
  [
    [403, 'Forbidden', 'anders gesagt', { ...pod, causes: [{ reason: 'NamespaceTerminating' }] }],
    exitCodes.conflict,
    /^its namespace is being deleted$/,
  ],
  [
    [
      422,
      'Invalid',
      `deployments.apps "n8n" is forbidden: ValidatingAdmissionPolicy 'replicas.example.com' with binding 'all' denied request: failed expression`,
      { name: 'n8n', group: 'apps', kind: 'deployments' },
    ],
    exitCodes.denied,
    /^the admission policy replicas\.example\.com of the cluster denies deployments "n8n"$/,
  ],
  // A webhook chooses its status: one of a conflict, or of an overloaded server, is still its refusal.
  ...[400, 403, 409, 503].map((status): [Parameters<typeof statusOf>, ExitCode, RegExp] => [
    [status, 'Conflict', 'admission webhook "w.example.com" denied the request: no cost centre'],
    exitCodes.denied,
    /^the admission webhook w\.example\.com of the cluster denies Secret n8n-dev\/a$/,
  ]),
  [[500, 'InternalError', webhook], exitCodes.rolloutFailed, /webhook of the cluster does not answer$/],
  [[413, 'RequestEntityTooLarge', 'limit is 3145728'], exitCodes.rolloutFailed, /larger than the cluster/],
  [[500, '', 'etcdserver: request is too large'], exitCodes.rolloutFailed, /larger than the cluster stores/],
  [
    [
      500,
      '',
      'rpc error: code = ResourceExhausted desc = trying to send message larger than max (2097240 vs. 2097152)',
    ],
    exitCodes.rolloutFailed,
    /larger than the cluster stores/,
  ],
  // Of etcd's own errors some pass, and some do not.
  [[500, '', 'etcdserver: mvcc: database space exceeded'], exitCodes.rolloutFailed, /etcd is full/],
  [[500, '', 'etcdserver: corrupt cluster'], exitCodes.rolloutFailed, /corrupt/],
  [[500, '', 'etcdserver: leader changed'], exitCodes.unreachable, /cannot be reached/],
  [
    [500, '', 'rpc error: code = Unavailable desc = connection error: desc = "connection refused"'],
    exitCodes.unreachable,
    /cannot be reached/,
  ],
  ...['dial tcp 127.0.0.1:2379: i/o timeout', 'unexpected EOF', 'http2: client connection lost'].map(
    (words): [Parameters<typeof statusOf>, ExitCode, RegExp] => [
      [500, 'InternalError', `Internal error occurred: ${words}`],
      exitCodes.unreachable,
      /cannot be reached/,
    ],
  ),
  [[504, 'Timeout', 'request did not complete'], exitCodes.unreachable, /cannot be reached/],
  [
    [500, 'ServerTimeout', 'The POST operation could not be completed'],
    exitCodes.unreachable,
    /cannot be reached/,
  ],
  [[503, 'ServiceUnavailable', 'apiserver not ready'], exitCodes.unreachable, /cannot be reached/],
  [
    [503, 'ServiceUnavailable', 'error trying to reach service: dial tcp 192.0.2.9:8081: i/o timeout'],
    exitCodes.rolloutFailed,
    /does not reach what it was asked for/,
  ],
  [[429, 'TooManyRequests', 'later'], exitCodes.unreachable, /cannot be reached/],
  [
    [429, 'TooManyRequests', 'Cannot evict pod', { causes: [{ reason: 'DisruptionBudget' }] }],
    exitCodes.rolloutFailed,
    /^a PodDisruptionBudget does not allow Secret n8n-dev\/a$/,
  ],
  // Words of another refusal in a value do not count: the status decides.
  [
    [422, 'Invalid', 'spec.args[0]: Invalid value: "exceeded quota, forbidden, etcdserver: no space"'],
    exitCodes.rolloutFailed,
    /^kubectl apply failed/,
  ],
  [[404, 'NotFound', 'configmaps "connection refused" not found'], exitCodes.rolloutFailed, /^kubectl apply/],
]

for (const [given, exitCode, words] of meanings)
  test(`API server: ${given[0]} ${given[1]}: ${given[2].slice(0, 50)}: exit ${exitCode}`, () => {
    const error = errorOf(...given)
    assert.equal(error.exitCode, exitCode)
    assert.match(error.message, words)
    assert.ok(error instanceof ServerRefusal)
    assert.equal(error.refused.status, given[0])
  })

test('API server: a conflict is about the version that was sent, but for a deletion and an object that is there', () => {
  const conflict = statusOf(409, 'Conflict', 'modifié entre-temps')
  assert.ok(refusalError(['apply'], conflict) instanceof ObjectModified)
  assert.equal(refusalError(['delete'], conflict).exitCode, exitCodes.rolloutFailed)
  const there = statusOf(409, 'AlreadyExists', 'pods "web-1" already exists')
  assert.equal(refusalError(['create'], there).exitCode, exitCodes.rolloutFailed)
})

test('API server: a namespace that is being deleted is named in the command that shows what holds it', () => {
  const { hint } = errorOf(403, 'Forbidden', 'x', { causes: [{ reason: 'NamespaceTerminating' }] })
  assert.match(hint ?? '', /^kubectl get namespaces n8n-dev -o yaml {3}shows/)
})

test('API server: a full etcd is told with the commands that make room', () => {
  const { hint } = errorOf(500, '', 'etcdserver: mvcc: database space exceeded')
  assert.match(hint ?? '', /compact, defrag .* alarm disarm/)
})

test('API server: a denial by a rule never asks for more rights', () => {
  for (const [given, exitCode] of meanings)
    if (exitCode === exitCodes.denied && given[2].includes('denied request'))
      assert.doesNotMatch(errorOf(...given).hint ?? '', /cluster-admin/)
})

test('API server: what is no Status, or a strange one, is told by its HTTP status', () => {
  for (const body of ['', 'no', '[]', 'null', '{"kind":"Status"}', '{"kind":"Status","message":7}']) {
    assert.equal(refusalError(['get'], refusedIn({ status: 403, body })).exitCode, exitCodes.denied)
    assert.equal(refusalError(['get'], refusedIn({ status: 418, body })).exitCode, exitCodes.rolloutFailed)
  }
  for (const status of [502, 503, 504])
    assert.equal(refusalError(['get'], refusedIn({ status, body: '<html>' })).exitCode, exitCodes.unreachable)
  for (const details of [null, 7, [], { causes: null }, { causes: [null, 7, { reason: 7 }] }, { name: {} }]) {
    const body = JSON.stringify({ kind: 'Status', message: 'm', details })
    assert.equal(refusalError(['get'], refusedIn({ status: 403, body })).exitCode, exitCodes.denied)
  }
})

test('API server: every refusal by a rule of the cluster says what was written, and no other does', () => {
  const rules = [
    errorOf(403, 'Forbidden', quota, pod),
    errorOf(500, 'InternalError', webhook),
    errorOf(403, 'Forbidden', 'maximum cpu usage per Container is 1'),
  ]
  for (const { details } of rules) assert.equal(details.at(-1), 'Nothing was written.')
  noteBegun('Secret n8n-dev/a')
  const { details } = errorOf(403, 'Forbidden', quota, pod)
  assert.equal(details.at(-1), 'This run had begun to write: Secret n8n-dev/a.')
  const reading = errorOf(403, 'Forbidden', 'leases is forbidden: User "x" cannot list')
  assert.deepEqual(reading.details, [
    'Error from server (Forbidden): leases is forbidden: User "x" cannot list',
  ])
})
