import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { KitError } from '../../../lib/base/errors.mts'
import { redact } from '../../../lib/base/sensitive.mts'
import { requireOutOfVault } from '../../../lib/run/out-of-vault.mts'
import { createOwnSecrets, finishSecrets, isHeldBack } from '../../../lib/run/own-secrets.mts'
import { keybuzz } from '../../../scripts/10_keybuzz/module.mts'
import { n8n } from '../../../scripts/12_n8n/module.mts'
import { settingsOf } from '../scripts/rendered.mts'
import { at, startStandIn, type StandIn } from '../vault/server.mts'
import {
  base64,
  filled,
  injector,
  inVault,
  objectsOf,
  opened,
  podsOf,
  runIn,
  type World,
} from '../vault/world.mts'

// The way of n8n's values into Vault: what is asked before anything is written, and what must hold before its Secret goes.

let vault: StandIn
before(async () => {
  vault = await startStandIn()
})
afterEach(() => vault.reset())
after(() => vault.stop())

const path = 'kv/data/keybuzz/n8n-staging'
const all = [
  'PUT sys/policies/acl/keybuzz-kubernetes-n8n-staging',
  'POST auth/kubernetes/role/keybuzz-n8n-staging',
  `POST ${path}`,
]
const secretsOf = (world: World = {}) => createOwnSecrets(runIn(vault, n8n, world).session)
/** The end of a run, and what it deletes. */
async function finish(world: World = {}): Promise<string[]> {
  const { session, pruned } = runIn(vault, n8n, world)
  await finishSecrets(session, ['01_deploy'], 50)
  return pruned
}
const documents = () => vault.state.documents
const values = () => (documents().get(path) as { data: Record<string, string> }).data
const change = (key: string, text: string) =>
  documents().set(path, { data: { ...values(), [key]: text }, metadata: { version: 1 } })

/** The error of something that is refused. It shows no value. */
async function refusal(doing: Promise<unknown>): Promise<KitError> {
  const thrown: unknown = await doing.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof KitError, String(thrown))
  const words = JSON.stringify([thrown.message, thrown.details, thrown.hint])
  for (const value of ['A-password-1', 'a-key-a-key', 'a-token-a-token', 'another-value'])
    assert.ok(!words.includes(value), words)
  return thrown
}

test('opting in writes values, role and policy; the pods then have them, and a second run writes nothing', async () => {
  opened(vault)
  await secretsOf({ account: false }).require()
  assert.deepEqual(vault.state.writes, all)
  assert.deepEqual(Object.keys(values()).toSorted(), [
    'N8N_ENCRYPTION_KEY',
    'N8N_OWNER_PASSWORD',
    'N8N_POSTGRES_PASSWORD',
    'N8N_RUNNERS_AUTH_TOKEN',
    'OWNER_PASSWORD_HASH',
    'REDIS_PASSWORD',
  ])
  assert.equal(values()['N8N_ENCRYPTION_KEY'], 'a-key-a-key')
  assert.deepEqual(documents().get('auth/kubernetes/role/keybuzz-n8n-staging'), {
    bound_service_account_names: ['n8n'],
    bound_service_account_namespaces: ['n8n-staging'],
    audience: 'vault',
    token_policies: ['keybuzz-kubernetes-n8n-staging'],
    token_ttl: 3600,
  })
  assert.deepEqual(documents().get('sys/policies/acl/keybuzz-kubernetes-n8n-staging'), {
    policy: `path "${path}" {\n  capabilities = ["read"]\n}\n`,
  })
  assert.deepEqual(await finish(), ['Secret n8n-staging/n8n'])
  vault.state.writes.length = 0
  await secretsOf().require()
  await secretsOf({ settings: inVault(vault, { VAULT_TOKEN: '' }) }).require()
  assert.deepEqual(vault.state.writes, [])
})

test('a run that ends after any of its writes is continued by the next one', async () => {
  for (const at of all.keys()) {
    vault.reset()
    opened(vault)
    vault.wrong(({ method, path: asked }) =>
      `${method} ${asked}` === all[at] ? { status: 500, json: { errors: ['ended here'] } } : undefined,
    )
    await refusal(secretsOf().require())
    assert.deepEqual(vault.state.writes, all.slice(0, at))
    vault.wrong(() => undefined)
    await secretsOf().require()
    assert.deepEqual(vault.state.writes, all)
  }
})

test('a plan names what it would write and its keys, no value, and writes nothing', async () => {
  opened(vault)
  const { session, writes } = runIn(vault, n8n, { planning: true })
  await createOwnSecrets(session).require()
  await finishSecrets(session, ['01_deploy'])
  assert.deepEqual(vault.state.writes, [])
  const [policy, role, kept] = writes.changes
  assert.equal(policy?.what, 'Vault policy keybuzz-kubernetes-n8n-staging')
  assert.equal(role?.what, 'Vault role keybuzz-n8n-staging: n8n-staging/n8n')
  assert.equal(kept?.what, `Vault values ${path}`)
  assert.ok(kept?.fields?.includes('N8N_ENCRYPTION_KEY: new'))
  assert.ok(!JSON.stringify(writes.changes).includes('a-key-a-key'))
})

test('without a token for the set-up: exit 2 as long as Vault lacks something, and nothing is written', async () => {
  const settings = inVault(vault, { VAULT_TOKEN: '' })
  opened(vault)
  const first = await refusal(secretsOf({ settings, account: false }).require())
  assert.equal(first.exitCode, 2)
  assert.match(first.details.join(), /its pods have not logged in yet/)
  assert.match(first.hint ?? '', /KEYBUZZ_VAULT_TOKEN/)
  const refused = await refusal(secretsOf({ settings }).require())
  assert.match(refused.details.join(), /refuses their login: 400 invalid role name/)
  filled(vault, n8n, settings)
  change('N8N_OWNER_PASSWORD', 'another-value-1A')
  const differs = await refusal(secretsOf({ settings }).require())
  assert.equal(differs.exitCode, 2)
  assert.match(differs.details.join(), /N8N_OWNER_PASSWORD is another one in kv\/data/)
  assert.deepEqual(vault.state.writes, [])
  const { session, writes } = runIn(vault, n8n, { settings, planning: true })
  await createOwnSecrets(session).require()
  assert.equal(writes.changes[0]?.sign, '!')
})

test('other values in Vault: the key and the path are shown, and the name of the module is typed', async () => {
  opened(vault)
  filled(vault, n8n, inVault(vault))
  change('N8N_OWNER_PASSWORD', 'another-value-1A')
  const error = await refusal(secretsOf().require())
  assert.equal(error.exitCode, 2)
  assert.match(error.message, /kv\/data\/keybuzz\/n8n-staging, are replaced by ours: N8N_OWNER_PASSWORD/)
  assert.equal(error.hint, 'add --confirm n8n')
  assert.deepEqual(vault.state.writes, [])
  await secretsOf({ confirm: ['n8n'] }).require()
  assert.equal(values()['N8N_OWNER_PASSWORD'], 'A-password-1')
})

test('another encryption key in Vault is never replaced, whatever is typed: exit 5', async () => {
  opened(vault)
  filled(vault, n8n, inVault(vault))
  change('N8N_ENCRYPTION_KEY', 'another-value-of-the-key')
  for (const VAULT_TOKEN of [undefined, '']) {
    const settings = inVault(vault, VAULT_TOKEN === undefined ? {} : { VAULT_TOKEN })
    const error = await refusal(secretsOf({ settings, confirm: ['n8n'] }).require())
    assert.equal(error.exitCode, 5)
    assert.match(error.message, /^Vault, kv\/data\/keybuzz\/n8n-staging, has another N8N_ENCRYPTION_KEY/)
  }
  assert.deepEqual(vault.state.writes, [])
})

test('what others keep at that path stays, and a write that somebody else makes meanwhile is not overwritten', async () => {
  opened(vault)
  documents().set(path, { data: { THEIRS: 'kept', COUNT: 3 }, metadata: { version: 4 } })
  await secretsOf().require()
  const { THEIRS, COUNT } = values() as unknown as { THEIRS: string; COUNT: number }
  assert.deepEqual([THEIRS, COUNT], ['kept', 3])
  // A short word of others is hidden nowhere else.
  assert.equal(redact('it is kept'), 'it is kept')
  documents().set(path, { data: {}, metadata: { version: 9 } })
  vault.wrong((asked) =>
    asked.method === 'GET' && asked.path === path
      ? { json: { data: { data: {}, metadata: { version: 8 } } } }
      : undefined,
  )
  const error = await refusal(secretsOf().require())
  assert.match(error.message, /check-and-set parameter did not match/)
})

test('a role of another namespace: exit 5 names both, and it stays', async () => {
  opened(vault)
  filled(vault, n8n, inVault(vault))
  const role = 'auth/kubernetes/role/keybuzz-n8n-staging'
  documents().set(role, { ...documents().get(role), bound_service_account_namespaces: ['somewhere-else'] })
  const error = await refusal(secretsOf().require())
  assert.equal(error.exitCode, 5)
  assert.match(error.details.join(), /bound to: somewhere-else,this module is in: n8n-staging/)
  assert.deepEqual(vault.state.writes, [])
})

for (const [what, wrong, exitCode, words] of [
  ['sealed', at('sys/health', { status: 503, json: { version: '2.7.2' } }), 3, /is sealed/],
  [
    'KV version 1',
    at('sys/internal/ui/mounts/kv', { json: { data: { type: 'kv', options: { version: '1' } } } }),
    3,
    /KV version 1/,
  ],
  [
    'a token that may not write values',
    at('sys/capabilities-self', { json: { data: { 'sys/auth': ['read'] } } }),
    8,
    /lacks rights/,
  ],
  [
    'no auth method',
    at('sys/auth', { json: { data: {} } }),
    3,
    /has no auth method kubernetes at kubernetes/,
  ],
  ['a token that ended', at('auth/token/lookup-self', { status: 403, json: { errors: [] } }), 8, /token/],
] as const)
  test(`${what}: exit ${exitCode}, and nothing is written`, async () => {
    opened(vault)
    vault.wrong(wrong)
    const error = await refusal(secretsOf().require())
    assert.equal(error.exitCode, exitCode)
    assert.match(error.message, words)
    assert.deepEqual(vault.state.writes, [])
  })

test('no injector, none ready, none with a CA, or one for another Vault: nothing is written to Vault', async () => {
  opened(vault)
  const right = injector(vault.url)
  for (const [wrong, exitCode, words] of [
    [{ ...right, webhook: undefined }, 3, /no injector is installed/],
    [{ ...right, deployment: undefined }, 3, /no injector is installed/],
    [{ ...right, webhook: { webhooks: [{ clientConfig: {} }] } }, 3, /is not ready/],
    [injector(vault.url, 'auth/kubernetes', 0), 3, /is not ready/],
    [injector('https://other.example.com'), 5, /for another Vault/],
    [injector(vault.url, 'auth/kubernetes-2'), 5, /for another Vault/],
    [injector(vault.url, 'auth/kubernetes', 2, 'jwt'), 5, /for another Vault/],
  ] as const) {
    const error = await refusal(secretsOf({ injector: wrong }).require())
    assert.equal(error.exitCode, exitCode)
    assert.match(error.message, words)
  }
  assert.deepEqual(vault.state.writes, [])
  const planned = runIn(vault, n8n, { planning: true, injector: { ...right, webhook: undefined } })
  await createOwnSecrets(planned.session).require()
  assert.match(planned.writes.changes[0]?.what ?? '', /no injector is installed.*--module 14/)
})

/** A world after the rollout, and what is wrong in it. */
for (const [what, world, words] of [
  ['no pod', { pods: () => [] }, /no pod is ready/],
  ['another value in a file', { files: { n8n_encryption_key: 'x' } }, /another value in n8n_encryption_key/],
  ['a file that is not there', { files: { redis_password: undefined } }, /has no file redis_password/],
  ['a file nobody asked for', { more: { stray: 'x' } }, /a file stray that it did not ask for/],
  [
    'a value with a newline at its end',
    { files: { n8n_encryption_key: 'a-key-a-key\n' } },
    /another value in n8n_encryption_key/,
  ],
  [
    'a pod that the injector did not see',
    {
      pods: (all: object[]) =>
        all.map((one, index) => (index > 0 ? one : { ...one, spec: { containers: [{ name: 'n8n' }] } })),
    },
    /n8n-1 asks for injection and has no agent/,
  ],
  [
    'a pod that is not ready',
    { pods: (all: object[]) => all.map((one, index) => (index > 0 ? one : { ...one, status: {} })) },
    /n8n-1 is not ready/,
  ],
] as const)
  test(`${what}: exit 9, so that the Secret stays`, async () => {
    opened(vault)
    filled(vault, n8n, inVault(vault))
    const error = await refusal(finish(world as World))
    assert.equal(error.exitCode, 9)
    assert.match(error.details.join(), words)
    assert.match(error.details.join(), /The Secrets of the module stay/)
  })

test('pods have our values and Vault has others, or shows none: exit 5, so that the Secret stays', async () => {
  opened(vault)
  filled(vault, n8n, inVault(vault))
  const own = values()
  change('REDIS_PASSWORD', 'another-value')
  const files = { redis_password: own['REDIS_PASSWORD'] ?? '' }
  const error = await refusal(finish({ files }))
  assert.equal(error.exitCode, 5)
  assert.match(error.details.join(), /kv\/data\/keybuzz\/n8n-staging: REDIS_PASSWORD,The Secrets/)
  documents().delete('auth/kubernetes/role/keybuzz-n8n-staging')
  assert.match((await refusal(finish({ files }))).details.join(), /refuses their login/)
})

const account = { kind: 'ServiceAccount', metadata: { name: 'n8n', namespace: 'n8n-staging' } }
/** The end of the way back: the pods have Secrets again, and the service account is declared no more. */
const leaving = (): World => ({
  settings: { ...inVault(vault), SECRETS: 'kubernetes' },
  objects: [account],
  unwanted: [account],
  pods: () => podsOf(objectsOf(n8n, {})),
})
const outOf = (world: World = {}) =>
  secretsOf({ settings: { ...inVault(vault), SECRETS: 'kubernetes' }, objects: [account], ...world })

test('with Secrets nothing of Vault is asked, and a module that never was in Vault has no way back', async () => {
  for (const settings of [{}, { SECRETS: 'kubernetes' }]) {
    const pods = () => assert.fail('pods were asked for')
    await secretsOf({ settings, pods }).require()
    assert.deepEqual(await finish({ settings, pods, unwanted: [] }), [])
  }
  assert.deepEqual(vault.state.asked, [])
})

test('the way back: our values are those of the running pods; role and policy go, and the values stay in Vault', async () => {
  opened(vault)
  filled(vault, n8n, inVault(vault))
  await outOf().require()
  assert.deepEqual(vault.state.writes, [])
  assert.deepEqual(await finish(leaving()), ['ServiceAccount n8n-staging/n8n'])
  assert.deepEqual(vault.state.writes, [
    'DELETE auth/kubernetes/role/keybuzz-n8n-staging',
    'DELETE sys/policies/acl/keybuzz-kubernetes-n8n-staging',
  ])
  assert.equal(values()['N8N_ENCRYPTION_KEY'], 'a-key-a-key')
  // As after a run that was ended between the two and the service account.
  await finish(leaving())
  assert.equal(vault.state.writes.length, 2)
})

const home = (labels: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'n8n-staging', labels: { theirs: 'kept', ...labels } },
})
const asking = home({ 'keybuzz.io/vault-injection': 'enabled' })

test('the way back: the namespace loses its label after the service account, and while a pod of Vault runs it keeps it', async () => {
  opened(vault)
  filled(vault, n8n, inVault(vault))
  const world = { ...leaving(), manifests: [asking, { apiVersion: 'v1', kind: 'Secret' }] }
  const old = { metadata: { name: 'old-1' }, spec: { containers: [], serviceAccountName: 'n8n' } }
  const secret = { kind: 'Secret', metadata: { name: 'n8n', namespace: 'n8n-staging' } }
  const into = { settings: inVault(vault), pods: (all: object[]) => all }
  for (const kept of [{ pods: () => [old] }, { unwanted: [secret] }, into]) {
    const { session, reapplied } = runIn(vault, n8n, { ...world, ...kept })
    await finishSecrets(session, ['01_deploy'])
    assert.deepEqual(reapplied, [], Object.keys(kept).join())
  }
  const done = runIn(vault, n8n, world)
  await finishSecrets(done.session, ['01_deploy'])
  assert.deepEqual(done.reapplied, [{ batch: [home({})], after: ['ServiceAccount n8n-staging/n8n'] }])
})

test('the way back needs no Vault: it may be gone for ever', async () => {
  filled(vault, n8n, inVault(vault))
  vault.wrong(() => ({ status: 503, json: { errors: ['Vault is sealed'] } }))
  await outOf().require()
  assert.deepEqual(await finish(leaving()), ['ServiceAccount n8n-staging/n8n'])
  assert.deepEqual(vault.state.writes, [])
})

test('the way back with other values than the pods have: the name is typed; an encryption key is never replaced', async () => {
  opened(vault)
  filled(vault, n8n, inVault(vault))
  change('N8N_OWNER_PASSWORD', 'another-value-1A')
  change('REDIS_PASSWORD', 'another-value')
  const error = await refusal(outOf().require())
  assert.equal(error.exitCode, 2)
  assert.match(error.message, /ran with other values than those of credentials\/staging.*REDIS_PASSWORD/)
  assert.equal(error.hint, 'add --confirm n8n')
  await outOf({ confirm: ['n8n'] }).require()
  await outOf({ planning: true }).require()
  change('N8N_ENCRYPTION_KEY', 'another-value-of-the-key')
  const key = await refusal(outOf({ confirm: ['n8n'] }).require())
  assert.equal(key.exitCode, 5)
  assert.match(key.message, /the running pods have another N8N_ENCRYPTION_KEY/)
})

test('the way back without a running pod: Vault shows the values; without both the name is typed', async () => {
  opened(vault)
  filled(vault, n8n, inVault(vault))
  const pods = () => []
  await outOf({ pods }).require()
  change('REDIS_PASSWORD', 'another-value')
  assert.match((await refusal(outOf({ pods }).require())).message, /REDIS_PASSWORD/)
  vault.wrong(() => ({ status: 503, json: { errors: ['Vault is sealed'] } }))
  const error = await refusal(outOf({ pods }).require())
  assert.equal(error.exitCode, 2)
  assert.match(error.message, /neither a running pod nor Vault shows/)
  await outOf({ pods, confirm: ['n8n'] }).require()
})

test('a run that was ended on its way back goes on: the Secret has our values already', async () => {
  const data = Object.fromEntries(
    Object.entries(n8n.secrets(settingsOf(n8n, {}) as never)).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, base64(value.reveal())]],
    ),
  )
  const secret = { kind: 'Secret', metadata: { name: 'n8n', namespace: 'n8n-staging' }, data }
  const objects = [account, secret]
  await outOf({ objects, pods: () => assert.fail('pods were asked for') }).require()
})

test('so does one of a module whose values have other keys in their Secrets: they are made of its settings', async () => {
  const settings = { ...inVault(vault), SECRETS: 'kubernetes', API_ENV: "STRIPE_KEY='sk-live'\n" }
  const namespace = 'keybuzz-staging'
  const live = objectsOf(keybuzz as never, settings).filter(({ kind }) => kind === 'Secret')
  const its = { kind: 'ServiceAccount', metadata: { name: 'keybuzz', namespace } }
  const pods = () => assert.fail('pods were asked for')
  const require = (objects: object[]) =>
    createOwnSecrets(runIn(vault, keybuzz, { settings, objects, pods }).session).require()
  await require([its, ...live])
  const [first, ...others] = live
  assert.ok(first)
  // With one of them missing, the pods show what ran.
  await assert.rejects(require([its, ...others]), /pods were asked for/)
})

test('a Secret stays while a pod reads it, and a service account while a pod logs in as it', async () => {
  opened(vault)
  filled(vault, n8n, inVault(vault))
  const reads = (spec: object) => ({ metadata: { name: 'late-1' }, spec, status: { phase: 'Running' } })
  const env = [{ name: 'A', valueFrom: { secretKeyRef: { name: 'n8n', key: 'a' } } }]
  for (const spec of [
    { containers: [{ name: 'a', env }] },
    { containers: [], initContainers: [{ name: 'a', env }] },
    { containers: [{ name: 'a', envFrom: [{ secretRef: { name: 'n8n' } }] }] },
    { containers: [], volumes: [{ name: 'a', secret: { secretName: 'n8n' } }] },
    { containers: [], volumes: [{ name: 'a', projected: { sources: [{ secret: { name: 'n8n' } }] } }] },
  ])
    assert.deepEqual(await finish({ pods: (all) => [...all, reads(spec)] }), [], JSON.stringify(spec))
  const late = reads({ containers: [], serviceAccountName: 'n8n' })
  assert.deepEqual(await finish({ ...leaving(), pods: () => [late] }), [])
  // One that ends, has ended, or reads another one keeps nothing.
  const other = [{ name: 'A', valueFrom: { secretKeyRef: { name: 'registry', key: 'a' } } }]
  for (const one of [
    { ...reads({ containers: [{ name: 'a', env }] }), metadata: { name: 'a', deletionTimestamp: 'now' } },
    { ...reads({ containers: [{ name: 'a', env }] }), status: { phase: 'Succeeded' } },
    reads({ containers: [{ name: 'a', env: other }] }),
  ])
    assert.deepEqual(await finish({ pods: (all) => [...all, one] }), ['Secret n8n-staging/n8n'])
})

test('the end of a step deletes no Secret of a module that may use Vault; the end of the run does', () => {
  for (const kind of ['Secret', 'ServiceAccount']) {
    assert.equal(isHeldBack(n8n as never, { kind }), true)
    assert.equal(isHeldBack({ ...n8n, secrets: undefined } as never, { kind }), false)
  }
  assert.equal(isHeldBack(n8n as never, { kind: 'Deployment' }), false)
})

test('nothing to delete: no pod and no Vault is asked', async () => {
  assert.deepEqual(await finish({ unwanted: [], pods: () => assert.fail('pods were asked for') }), [])
  const config = { kind: 'ConfigMap', metadata: { name: 'a', namespace: 'n8n-staging' } }
  assert.deepEqual(await finish({ unwanted: [config], pods: () => assert.fail('pods were asked for') }), [])
  assert.deepEqual(vault.state.asked, [])
})

test('with Secrets, those of an emptied file of the operator go: every pod names them, and starts without', async () => {
  const unwanted = ['keybuzz-api-env', 'keybuzz-api-file'].map((name) => ({
    kind: 'Secret',
    metadata: { name, namespace: 'keybuzz-staging' },
  }))
  const naming = (optional: boolean) => () => [
    {
      kind: 'Pod',
      metadata: { name: 'keybuzz-api-1', namespace: 'keybuzz-staging' },
      spec: {
        containers: [{ name: 'api', envFrom: [{ secretRef: { name: 'keybuzz-api-env', optional } }] }],
      },
    },
  ]
  const pruned = async (optional: boolean, SECRETS = 'kubernetes') => {
    const world = { settings: { SECRETS }, unwanted, pods: naming(optional) }
    const { session, pruned } = runIn(vault, keybuzz, world as never)
    await finishSecrets(session, ['01_deploy_api'], 50)
    return pruned
  }
  const both = ['Secret keybuzz-staging/keybuzz-api-env', 'Secret keybuzz-staging/keybuzz-api-file']
  assert.deepEqual(await pruned(true), both)
  assert.deepEqual(await pruned(false), [])
})

test('a rollback waits for the way back: Secrets of today’s settings would be made without a comparison', async () => {
  const settings = { ...inVault(vault), SECRETS: 'kubernetes' }
  const refused = (objects: object[], more = settings) =>
    requireOutOfVault(runIn(vault, n8n, { settings: more, objects }).session)
  await assert.rejects(refused([account]), {
    exitCode: 5,
    message: 'the values of n8n are still in Vault, its settings want them in Secrets',
    hint: /--module 12 --env staging {3}brings them back and compares them; then roll back/,
  })
  await refused([])
  await refused([account], { ...settings, SECRETS: 'vault' })
})
