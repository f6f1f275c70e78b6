import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import { createWrites, type Writes } from '../../../../lib/base/writes.mts'
import type { KubeReader } from '../../../../lib/kube/reader.mts'
import { openAccess } from '../../../../scripts/14_vault/access.mts'
import { proveVault } from '../../../../scripts/14_vault/preflight.mts'
import { findReviewer, requireReview } from '../../../../scripts/14_vault/review.mts'
import type { VaultSettings } from '../../../../scripts/14_vault/settings.mts'
import { adminToken, at, jwtOf, reviewerToken, startStandIn, type StandIn } from '../../vault/server.mts'
import { settingsFor } from './settings.mts'

// What the kit keeps in Vault. Vault and the API server are a stand-in that keeps what is written.

let vault: StandIn
before(async () => {
  vault = await startStandIn()
})
afterEach(() => vault.reset())
after(() => vault.stop())

const settingsOf = (more: Record<string, string> = {}): VaultSettings =>
  settingsFor({
    VAULT_ADDR: vault.url,
    VAULT_CA: vault.ca,
    VAULT_KUBERNETES_URL: vault.url,
    VAULT_TOKEN: adminToken,
    ...more,
  })

/** A cluster with the two service accounts. @param token in the reviewer's Secret */
const clusterWith = (token: string | undefined = reviewerToken): KubeReader =>
  ({
    get: (kind: string) =>
      Promise.resolve(
        kind === 'secrets'
          ? token === ''
            ? undefined
            : { data: { token: base64(token), 'ca.crt': base64(vault.ca) } }
          : {},
      ),
    tokenOf: (...words: [string, string, string]) => Promise.resolve(sensitive(jwtOf(...words))),
  }) as unknown as KubeReader
const base64 = (text: string): string => Buffer.from(text).toString('base64')

const gate = (planning = false): Writes => createWrites({ planning, guard: () => Promise.resolve() })

async function open(
  settings: VaultSettings,
  kube = clusterWith(),
  writes = gate(),
  isReviewerNew = false,
): Promise<Writes> {
  const proved = await proveVault(settings)
  await openAccess({ settings, kube, writes, proved, isReviewerNew, settlingMs: 100 })
  return writes
}
const refusal = async (doing: Promise<unknown>): Promise<KitError> => {
  const thrown: unknown = await doing.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof KitError, String(thrown))
  assert.ok(!JSON.stringify([thrown.message, thrown.details, thrown.hint]).includes(reviewerToken))
  return thrown
}

const everything = [
  'POST sys/auth/kubernetes',
  'POST auth/kubernetes/config',
  'PUT sys/policies/acl/keybuzz-kubernetes-check',
  'POST auth/kubernetes/role/keybuzz-check',
  'POST kv/data/keybuzz/check',
]

test('everything is written, the configuration whole; a second run writes nothing', async () => {
  await open(settingsOf())
  assert.deepEqual(vault.state.writes, everything)
  assert.deepEqual(vault.state.documents.get('auth/kubernetes/config'), {
    kubernetes_host: vault.url,
    kubernetes_ca_cert: vault.ca,
    token_reviewer_jwt: reviewerToken,
    disable_local_ca_jwt: true,
  })
  vault.state.writes.length = 0
  await open(settingsOf())
  assert.deepEqual(vault.state.writes, [])
})

test('a plan names what it would write, and writes nothing', async () => {
  const { changes } = await open(settingsOf(), clusterWith(), gate(true))
  assert.deepEqual(
    changes.map(({ sign, what }) => `${sign} ${what}`),
    [
      '+ Vault auth method kubernetes at kubernetes',
      `+ Vault configuration of kubernetes: API server ${vault.url}`,
      '+ Vault policy keybuzz-kubernetes-check',
      '+ Vault role keybuzz-check: vault-check/vault-check',
      '+ Vault value kv/data/keybuzz/check',
    ],
  )
  assert.deepEqual(vault.state.writes, [])
  const before = await open(settingsOf({ VAULT_TOKEN: '' }), clusterWith(''), gate(true))
  assert.deepEqual(
    before.changes.map(({ what }) => what),
    ['Vault logins of this cluster, at auth/kubernetes'],
  )
})

test('what is there and has drifted is written again, and nothing else', async () => {
  await open(settingsOf())
  vault.state.writes.length = 0
  vault.state.documents.set('sys/policies/acl/keybuzz-kubernetes-check', {
    policy: 'path "kv/*" { capabilities = ["read"] }',
  })
  const role = vault.state.documents.get('auth/kubernetes/role/keybuzz-check')
  vault.state.documents.set('auth/kubernetes/role/keybuzz-check', { ...role, token_ttl: 7200 })
  await open(settingsOf())
  assert.deepEqual(vault.state.writes, [everything[2], everything[3]])
})

test('a reviewer’s token that Vault has no longer: only a login tells, and the configuration is written whole', async () => {
  await open(settingsOf())
  vault.state.writes.length = 0
  const config = vault.state.documents.get('auth/kubernetes/config')
  vault.state.documents.set('auth/kubernetes/config', {
    ...config,
    token_reviewer_jwt: 'of-a-deleted-secret',
  })
  await open(settingsOf())
  assert.deepEqual(vault.state.writes, [everything[1]])
  assert.equal(vault.state.documents.get('auth/kubernetes/config')?.['kubernetes_ca_cert'], vault.ca)
})

test('a reviewer that this run made: Vault gets its token, whatever a login says that the API server still remembers', async () => {
  await open(settingsOf())
  vault.state.writes.length = 0
  await open(settingsOf(), clusterWith(), gate(), true)
  assert.deepEqual(vault.state.writes, ['POST auth/kubernetes/config'])
  const error = await refusal(open(settingsOf({ VAULT_TOKEN: '' }), clusterWith(), gate(), true))
  assert.equal(error.exitCode, exitCodes.usage)
})

test('a run that ends after any of its writes is continued by the next one, with what is left', async () => {
  for (const at of everything.keys()) {
    vault.reset()
    vault.wrong(({ method, path }) =>
      vault.state.writes.length === at && `${method} ${path}` === everything[at]
        ? { status: 500, json: { errors: ['ended here'] } }
        : undefined,
    )
    await refusal(open(settingsOf()))
    assert.deepEqual(vault.state.writes, everything.slice(0, at))
    vault.wrong(() => undefined)
    await open(settingsOf())
    // Without its role no login works, and the configuration is written again: whole, as always.
    const again = at === 2 || at === 3 ? [everything[1]] : []
    assert.deepEqual(vault.state.writes.slice(at), [...again, ...everything.slice(at)])
  }
})

test('the value of the checks is made once', async () => {
  await open(settingsOf())
  const before = vault.state.documents.get('kv/data/keybuzz/check')
  await open(settingsOf())
  assert.equal(vault.state.documents.get('kv/data/keybuzz/check'), before)
})

test('without a token for the set-up a login proves that nothing need be done; else exit 2 says what to give', async () => {
  const none = settingsOf({ VAULT_TOKEN: '' })
  const error = await refusal(open(none))
  assert.equal(error.exitCode, 2)
  assert.match(error.message, /does not take the tokens of this cluster yet: 400 invalid role name/)
  assert.match(error.hint ?? '', /KEYBUZZ_VAULT_TOKEN/)
  assert.deepEqual(vault.state.writes, [])
  await open(settingsOf())
  vault.state.writes.length = 0
  await open(none)
  assert.deepEqual(vault.state.writes, [])
})

test('Vault sealed meanwhile: no token for the set-up is asked for, and no firewall blamed: exit 3', async () => {
  const sealed = at('auth/kubernetes/login', { status: 503, json: { errors: ['Vault is sealed'] } })
  for (const VAULT_TOKEN of ['', adminToken]) {
    vault.wrong(sealed)
    const error = await refusal(open(settingsOf({ VAULT_TOKEN })))
    assert.equal(error.exitCode, 3)
    assert.match(error.message, /answers 503 Vault is sealed, asked to log in a pod$/)
  }
})

test('another auth method at that path: exit 5, and nothing is written', async () => {
  vault.state.documents.set('sys/auth', { 'kubernetes/': { type: 'userpass' } })
  const error = await refusal(open(settingsOf()))
  assert.equal(error.exitCode, 5)
  assert.match(error.message, /is of type userpass, not kubernetes/)
  assert.deepEqual(vault.state.writes, [])
})

test('Vault refuses a write: exit 8 with what it was, and the reviewer’s token in no word', async () => {
  vault.wrong((asked) =>
    asked.method === 'POST' && asked.path.endsWith('/config')
      ? { status: 403, json: { errors: [`denied for ${String(asked.body['token_reviewer_jwt'])}`] } }
      : undefined,
  )
  const error = await refusal(open(settingsOf()))
  assert.equal(error.exitCode, 8)
  assert.match(error.message, /refuses to write Vault configuration of kubernetes.*denied for \*\*\*/)
})

test('Vault refuses the login after all was written: exit 8, and it is Vault’s own way to the API server', async () => {
  vault.wrong(at('auth/kubernetes/login', { status: 403, json: { errors: ['permission denied'] } }))
  const error = await refusal(open(settingsOf()))
  assert.equal(error.exitCode, 8)
  assert.match(error.message, /was configured, and refuses a login: 403 permission denied/)
  assert.match(error.hint ?? '', /on Vault’s machine: curl/)
})

for (const [status, exitCode, words] of [
  [401, 8, /is no longer good/],
  [403, 8, /system:auth-delegator is gone/],
  [404, 3, /may not be the API server/],
  [503, 3, /cannot work now/],
] as const) {
  test(`the API server answers the reviewer ${status}: exit ${exitCode}, before Vault gets its token`, async () => {
    vault.wrong(at('/apis/', { status, json: { message: 'no' } }))
    const error = await refusal(open(settingsOf()))
    assert.equal(error.exitCode, exitCode)
    assert.match(error.details.join(), words)
    assert.equal(/delete secret/.test(error.hint ?? ''), exitCode === 8)
    assert.deepEqual(vault.state.writes, [])
  })
}

test('an API server that another CA signs: exit 7; one that does not listen: exit 6', async () => {
  const reviewer = await findReviewer(clusterWith(), settingsOf())
  assert.ok(reviewer)
  await assert.rejects(requireReview({ ...reviewer, ca: vault.foreignCa }), {
    exitCode: 7,
    hint: /VAULT_KUBERNETES_URL/,
  })
  await assert.rejects(requireReview({ ...reviewer, host: 'https://127.0.0.1:1' }), { exitCode: 6 })
})
