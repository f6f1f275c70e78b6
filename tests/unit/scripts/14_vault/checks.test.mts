import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { runChecks, type Outcome } from '../../../../lib/checks/checks.mts'
import { valueWithin } from '../../../../scripts/14_vault/checks-injection.mts'
import { leaderWithin } from '../../../../scripts/14_vault/checks-injector.mts'
import { checks } from '../../../../scripts/14_vault/checks.mts'
import { at, checkToken, jwtOf, startStandIn, type Fault, type StandIn } from '../../vault/server.mts'
import { makeSigner } from '../../vault/jwt.mts'
import {
  clusterKeys,
  configured,
  injectorCertificate,
  pod,
  right,
  rightPods,
  settingsOf,
  toolsOf,
  type World,
} from './world.mts'

// Every check fails once, and says why. Cluster, webhook and Vault are stand-ins.

let vault: StandIn
const secret = 'value-of-the-checks-in-vault'
before(async () => {
  vault = await startStandIn()
})
afterEach(() => vault.reset())
after(() => vault.stop())

async function outcomesOf(world: World, fault: Fault, id?: string): Promise<Outcome[]> {
  configured(vault, settingsOf(vault, world.settings), secret)
  vault.wrong(fault)
  // A file that differs and the next leader are waited for: not here.
  const atOnce = [valueWithin(0), leaderWithin(0)]
  const all = checks.map((one) => atOnce.find(({ id: same }) => same === one.id) ?? one)
  return runChecks(id === undefined ? all : all.filter((one) => one.id === id), toolsOf(vault, world))
}
const none: Fault = () => undefined

const byJwt = { settings: { VAULT_AUTH_METHOD: 'jwt' } }

for (const [method, world, left] of [
  ['kubernetes', {}, ['vault.keys']],
  ['jwt', byJwt, []],
] as const)
  test(`by ${method}, on an injector and a Vault that are right, every check passes, and no secret is in what they say`, async () => {
    const outcomes = await outcomesOf(world, none)
    assert.deepEqual(
      outcomes.filter(({ result }) => result !== 'passed'),
      [],
    )
    assert.deepEqual(
      checks.map(({ id }) => id).filter((id) => !outcomes.some((one) => one.id === id)),
      left,
    )
    assert.deepEqual(vault.state.writes, [])
    for (const hidden of [secret, checkToken]) assert.ok(!JSON.stringify(outcomes).includes(hidden))
  })

test('without the account of the checks’ name in the injector’s namespace, the default one is tried there', async () => {
  const [found] = (await outcomesOf({ noTwin: true }, none)).filter(({ id }) => id === 'vault.logins')
  assert.deepEqual([found?.result, found?.evidence], ['passed', '1 let in, 3 refused'])
})

test('the next leader is waited for: it is elected some seconds after the last one is lost', async () => {
  const tools = toolsOf(vault, {})
  let asked = 0
  const electing = (kind: string, name: string, namespace?: string) => {
    if (kind === 'configmaps') asked += 1
    return kind === 'configmaps' && asked === 1
      ? Promise.resolve(undefined)
      : tools.kube.get(kind, name, namespace)
  }
  const kube = { ...tools.kube, get: electing } as typeof tools.kube
  const [outcome] = await runChecks([leaderWithin(10)], { ...tools, kube })
  assert.equal(outcome?.result, 'passed')
  assert.equal(asked, 2)
})

const hour = 1 / 24
const crashed = {
  containerStatuses: [
    {
      name: 'injector',
      ready: true,
      restartCount: 1,
      lastState: { terminated: { reason: 'Error', finishedAt: new Date(Date.now() - 90_000).toISOString() } },
    },
  ],
}
const unready = {
  conditions: [{ type: 'Ready', status: 'False' }],
  containerStatuses: [{ name: 'injector', ready: false, restartCount: 0 }],
}
const withFirst = (more: object): LiveObjects => [
  pod('injector-1', 'vault-injector', 'injector', more),
  ...rightPods().slice(1),
]
type LiveObjects = ReturnType<typeof rightPods>
const firstEnding = (): LiveObjects =>
  rightPods().map((one, at) =>
    at > 0 ? one : { ...one, metadata: { ...one.metadata, deletionTimestamp: '2026-11-01T00:00:00Z' } },
  )
const waitingPod = (agent: object) => [
  ...rightPods(),
  pod('app-1', 'vault-check', 'app', { initContainerStatuses: [{ name: 'vault-agent-init', ...agent }] }),
]
const longAgo = { running: { startedAt: new Date(Date.now() - 300_000).toISOString() } }
const justNow = () => ({ running: { startedAt: new Date().toISOString() } })
const refusedDeployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'app', namespace: 'vault-check' },
  status: {
    conditions: [
      {
        type: 'ReplicaFailure',
        status: 'True',
        message: 'failed calling webhook "vault.hashicorp.com": no endpoints available',
      },
    ],
  },
}

const refusedBecause = 'failed calling webhook "vault.hashicorp.com": no endpoints available'
const creation = (reason: string, at: string, uid = 'uid-of-it') => ({
  metadata: { name: `${reason}-${at}`, namespace: 'vault-check', creationTimestamp: `2026-12-01T10:${at}Z` },
  involvedObject: { uid },
  reason,
  message: reason === 'FailedCreate' ? refusedBecause : 'created',
  // The older field; an event of the newer API has none.
  lastTimestamp: at.startsWith('00') ? null : `2026-12-01T10:${at}Z`,
})
const statefulSet = (replicas: number): LiveObjects[number] => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'qdrant', namespace: 'vault-check', uid: 'uid-of-it' },
  spec: { replicas: 1 },
  status: { replicas },
})
const job = (status: object, spec: object = {}): LiveObjects[number] => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'migrate', namespace: 'vault-check', uid: 'uid-of-it' },
  spec,
  status,
})

type Wrong = readonly [
  id: string,
  what: string,
  world: World,
  result: Outcome['result'],
  evidence: RegExp,
  fix: RegExp,
  fault?: Fault,
]
const leaderGone = /kubectl -n vault-injector delete pod injector-1/
const login = (status: number, words: string): Fault =>
  at('auth/kubernetes/login', { status, json: { errors: [words] } })

const wrong: readonly Wrong[] = [
  [
    'vault-injector.ready',
    'a pod that is not ready',
    { pods: withFirst(unready) },
    'failed',
    /not ready: injector-1/,
    /kubectl -n vault-injector logs injector-1/,
  ],
  [
    'vault-injector.spread',
    'both pods on one node',
    { pods: rightPods().map((one) => ({ ...one, spec: { nodeName: 'a' } })) },
    'warning',
    /injector on 1/,
    /kubectl -n vault-injector/,
  ],
  [
    'vault-injector.restarts',
    'a pod that crashed',
    { pods: withFirst(crashed) },
    'warning',
    /injector-1/,
    /--previous/,
  ],
  [
    'vault.webhook',
    'no webhook',
    { noWebhook: true },
    'failed',
    /there is no MutatingWebhookConfiguration/,
    /14_vault_01_deploy/,
  ],
  ['vault.webhook', 'no CA in it', { bundle: '' }, 'failed', /has not written its CA/, leaderGone],
  [
    'vault.webhook',
    'the Secret is gone',
    { noSecret: true },
    'failed',
    /vault-injector-certs is gone/,
    leaderGone,
  ],
  [
    'vault.webhook',
    'a certificate that has ended',
    { certificate: injectorCertificate(-2 * hour) },
    'failed',
    /ended 2\.0 h ago/,
    leaderGone,
  ],
  [
    'vault.webhook',
    'a certificate that is not renewed',
    { certificate: injectorCertificate(hour) },
    'warning',
    /has not been renewed/,
    leaderGone,
  ],
  [
    'vault.webhook',
    'another CA in the webhook',
    { certificate: { ...injectorCertificate(1), ca: right.ca } },
    'failed',
    /not proven by the CA in the webhook/,
    leaderGone,
  ],
  [
    'vault.webhook',
    'a certificate for another name',
    { certificate: injectorCertificate(1, 'other.svc') },
    'failed',
    /is not for vault-injector\.vault-injector\.svc/,
    leaderGone,
  ],
  ['vault.leader', 'no leader', { leader: null }, 'failed', /no pod is the leader/, /delete pod --all/],
  [
    'vault.leader',
    'a leader that is gone',
    { leader: 'injector-9' },
    'failed',
    /injector-9 is the leader, and is not there/,
    /Never ConfigMap vault-k8s-leader/,
  ],
  [
    'vault.leader',
    'a leader that does not run',
    { pods: withFirst(unready) },
    'failed',
    /injector-1 is the leader, and does not run/,
    leaderGone,
  ],
  [
    'vault.leader',
    'a leader of before an upgrade, which is ending',
    { pods: firstEnding() },
    'failed',
    /injector-1 is the leader, and is being deleted/,
    leaderGone,
  ],
  [
    'vault.injects',
    'a pod that would start without its secrets',
    { adds: () => [] },
    'failed',
    /a pod with the annotation gets nothing/,
    /logs -l app\.kubernetes\.io\/name=vault-injector/,
  ],
  [
    'vault.injects',
    'a pod that gets what it did not ask for',
    { adds: () => ['vault-agent-init', 'vault-agent'] },
    'failed',
    /without the annotation gets vault-agent-init and vault-agent; a pod in a namespace without the label/,
    /vault-injector/,
  ],
  ['vault.injects', 'no injector', { down: true }, 'failed', /failed calling webhook/, /vault-injector/],
  [
    'vault.labels',
    'kube-system would depend on it',
    { labelled: ['vault-check', 'kube-system'] },
    'failed',
    /^kube-system would depend/,
    /kubectl label namespace kube-system keybuzz\.io\/vault-injection-/,
  ],
  [
    'vault.health',
    'a sealed Vault',
    {},
    'failed',
    /is sealed/,
    /vault operator unseal/,
    at('sys/health', { status: 503, json: {} }),
  ],
  [
    'vault.health',
    'a standby',
    {},
    'warning',
    /is a standby/,
    /./,
    at('sys/health', { status: 429, json: {} }),
  ],
  [
    'vault.keys',
    'a key of the cluster that Vault does not have yet',
    { ...byJwt, signing: { published: [...clusterKeys, makeSigner()] } },
    'failed',
    /^it lacks 1 of the 3 public keys of this cluster$/,
    /14_vault_02_configure_injection again, with a token/,
  ],
  [
    'vault.keys',
    'a key that the cluster has no longer: Vault would go on taking its tokens',
    { ...byJwt, signing: { published: clusterKeys.slice(0, 1) } },
    'failed',
    /^it has 1 public key that this cluster does not have$/,
    /14_vault_02/,
  ],
  [
    'vault.keys',
    'every key was changed: the login is refused already',
    { ...byJwt, signing: { published: [makeSigner('ec')] } },
    'failed',
    /refuses the login of vault-check: 400 .*no known key successfully validated/,
    /14_vault_02/,
  ],
  [
    'vault.keys',
    'a configuration that its role may not read',
    byJwt,
    'failed',
    /^auth\/jwt\/config: 403 permission denied$/,
    /14_vault_02/,
    at('auth/jwt/config', { status: 403, json: { errors: ['permission denied'] } }),
  ],
  [
    'vault.logins',
    'by jwt: a key that Vault does not have is told as such',
    { ...byJwt, signing: { published: clusterKeys, signer: makeSigner() } },
    'failed',
    /is refused: 400 error validating token/,
    /does not have the public key, or the issuer.*14_vault_02/,
  ],
  [
    'vault.scope',
    'by jwt: a role that reads its own role',
    byJwt,
    'failed',
    /^not refused: auth\/jwt\/role\/keybuzz-check$/,
    /another policy/,
    at('auth/jwt/role/keybuzz-check', { status: 404, json: {} }),
  ],
  [
    'vault.logins',
    'nobody is let in',
    {},
    'failed',
    /vault-check\/vault-check is refused: 403 permission denied/,
    /14_vault_02_configure_injection/,
    login(403, 'permission denied'),
  ],
  [
    'vault.logins',
    'the clocks are apart',
    {},
    'failed',
    /token not yet valid/,
    /clocks of Vault/,
    login(403, 'invalid not before (nbf) claim: token not yet valid'),
  ],
  [
    'vault.logins',
    'another account is let in',
    {},
    'failed',
    /vault-check\/default with a token for vault is let in too/,
    /14_vault_02/,
    at('auth/kubernetes/login', { json: { auth: { client_token: checkToken } } }),
  ],
  ...(
    [
      ['default', 'vault-check', 'vault'],
      ['vault-check', 'vault-injector', 'vault'],
      ['vault-check', 'vault-check', 'keybuzz-somewhere-else'],
    ] as const
  ).map(([account, namespace, audience]): Wrong => [
    'vault.logins',
    `a role open to ${namespace}/${account} with a token for ${audience}`,
    {},
    'failed',
    new RegExp(`^${namespace}/${account} with a token for ${audience} is let in too$`),
    /14_vault_02/,
    ({ path, body }) =>
      path === 'auth/kubernetes/login' && body['jwt'] === jwtOf(account, namespace, audience)
        ? { json: { auth: { client_token: checkToken } } }
        : undefined,
  ]),
  [
    'vault.logins',
    'a failure is no refusal',
    {},
    'failed',
    /500 .*not a refusal/,
    /14_vault_02/,
    ({ path, body }) =>
      path === 'auth/kubernetes/login' && String(body['jwt']).includes('default')
        ? { status: 500, json: { errors: ['internal'] } }
        : undefined,
  ],
  [
    'vault.scope',
    'a role that reads more',
    {},
    'failed',
    /not refused: kv\/data\/keybuzz\/check-other/,
    /another policy/,
    ({ path }) => (path === 'kv/data/keybuzz/check-other' ? { status: 404, json: {} } : undefined),
  ],
  ...(['vault.logins', 'vault.scope', 'vault.value'] as const).map((id): Wrong => [
    id,
    'a sealed Vault refuses no login',
    {},
    'failed',
    /answers 503 Vault is sealed, asked to log in vault-check/,
    /vault status/,
    at('auth/kubernetes/login', { status: 503, json: { errors: ['Vault is sealed'] } }),
  ]),
  [
    'vault.scope',
    'a Vault sealed meanwhile opens no path',
    {},
    'failed',
    /answers 503 Vault is sealed, asked to read kv\/data\/keybuzz\/check-other/,
    /vault status/,
    at('kv/data/keybuzz/check-other', { status: 503, json: { errors: ['Vault is sealed'] } }),
  ],
  [
    'vault.scope',
    'a role that cannot read its own',
    {},
    'failed',
    /kv\/data\/keybuzz\/check: 403/,
    /another policy/,
    at('kv/data/keybuzz/check', { status: 403, json: {} }),
  ],
  [
    'vault.value',
    'another value in the file',
    { value: `${secret}\n` },
    'failed',
    /the file differs from Vault/,
    /vault-agent/,
  ],
  [
    'vault.value',
    'a file nobody asked for',
    { files: 'check\nother\n' },
    'failed',
    /has check other, not check/,
    /vault-agent/,
  ],
  ['vault.value', 'no file', { files: '' }, 'failed', /has no file, not check/, /vault-agent/],
  [
    'vault.value',
    'a token of Kubernetes in the container',
    { tokens: '/var/run/secrets/kubernetes.io/serviceaccount/token\n' },
    'failed',
    /the container has a token/,
    /vault-agent/,
  ],
  [
    'vault.value',
    'no pod',
    { pods: rightPods().slice(0, 2) },
    'failed',
    /no pod of vault-check is ready/,
    /vault-check/,
  ],
  [
    'vault.waiting',
    'a pod that waits for a sealed Vault',
    {
      pods: waitingPod({ state: longAgo, restartCount: 0, ready: false }),
      log: 'error authenticating: Code: 503. Errors:\n* Vault is sealed\n',
    },
    'failed',
    /1 of 2 pods; vault-check\/app-1: \* Vault is sealed/,
    /unseal it/,
  ],
  [
    'vault.waiting',
    'a pod whose agent tries again for a field that Vault has not',
    {
      pods: waitingPod({ state: longAgo, restartCount: 0, ready: false }),
      log: 'template server error: map has no entry for key "value"\n(runner) stopping\n(runner) starting\n',
    },
    'failed',
    /vault-check\/app-1: template server error: map has no entry for key "value"$/,
    /write the field/,
  ],
  [
    'vault.waiting',
    'a pod whose agent ends again and again',
    {
      pods: waitingPod({ state: {}, restartCount: 3, ready: false }),
      log: 'map has no entry for key "nokey"',
    },
    'failed',
    /no entry for key "nokey"/,
    /write the field/,
  ],
  [
    'vault.refused',
    'pods that are refused',
    { deployments: [refusedDeployment] },
    'failed',
    /vault-check\/app: failed calling webhook/,
    /kubectl -n vault-injector get pods/,
  ],
  [
    'vault.refused',
    'a StatefulSet without its pod',
    {
      statefulSets: [statefulSet(0)],
      events: [creation('FailedCreate', '05:00'), creation('SuccessfulCreate', '00:00')],
    },
    'failed',
    /^vault-check\/qdrant: failed calling webhook/,
    /kubectl -n vault-injector get pods/,
  ],
  [
    'vault.refused',
    'a Job without its pod',
    { jobs: [job({})], events: [creation('FailedCreate', '00:00')] },
    'failed',
    /^vault-check\/migrate: failed calling webhook/,
    /kubectl -n vault-injector get pods/,
  ],
]

for (const [id, what, world, result, evidence, fix, fault = none] of wrong) {
  test(`${id}: ${what}: ${result}`, async () => {
    const [outcome] = await outcomesOf(world, fault, id)
    assert.ok(outcome !== undefined, `there is no check ${id}`)
    assert.equal(outcome.result, result, outcome.evidence)
    assert.match(outcome.evidence, evidence)
    assert.match(outcome.fix, fix)
  })
}

test('a pod that has just begun to wait is none that waits', async () => {
  const pods = waitingPod({ state: justNow(), restartCount: 0, ready: false })
  const [outcome] = await outcomesOf({ pods }, none, 'vault.waiting')
  assert.equal(outcome?.result, 'passed')
})

test('a StatefulSet or Job with its pods, or without them for another reason, is none that is refused', async () => {
  const refusal = creation('FailedCreate', '05:00')
  const complete = { conditions: [{ type: 'Complete', status: 'True' }] }
  for (const world of [
    { statefulSets: [statefulSet(1)], events: [refusal] },
    { statefulSets: [statefulSet(0)], events: [refusal, creation('SuccessfulCreate', '06:00')] },
    { statefulSets: [statefulSet(0)], events: [creation('FailedCreate', '05:00', 'of-another')] },
    { jobs: [job({ active: 1 }), job(complete), job({}, { suspend: true })], events: [refusal] },
  ]) {
    const [outcome] = await outcomesOf(world, none, 'vault.refused')
    assert.equal(outcome?.result, 'passed', outcome?.evidence)
  }
})

test('every check fails in a test', () => {
  const failing = new Set(wrong.filter(([, , , result]) => result !== 'passed').map(([id]) => id))
  assert.deepEqual(
    checks.map(({ id }) => id).filter((id) => !failing.has(id)),
    [],
  )
})
