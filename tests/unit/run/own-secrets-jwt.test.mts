import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import type { KitError } from '../../../lib/base/errors.mts'
import { createOwnSecrets, finishSecrets } from '../../../lib/run/own-secrets.mts'
import { n8n } from '../../../scripts/12_n8n/module.mts'
import { issuerName, makeSigner } from '../vault/jwt.mts'
import { startStandIn, type StandIn } from '../vault/server.mts'
import { injector, inVault, objectsOf, podsOf, runIn, templatesOf, type World } from '../vault/world.mts'

// A module’s way into Vault and back by VAULT_AUTH_METHOD=jwt. Keys and signatures are real ones.

let vault: StandIn
before(async () => {
  vault = await startStandIn()
})
afterEach(() => vault.reset())
after(() => vault.stop())

const signer = makeSigner('ec')
const settings = () => inVault(vault, { VAULT_AUTH_METHOD: 'jwt' })
const role = 'auth/jwt/role/keybuzz-n8n-staging'
const policy = 'sys/policies/acl/keybuzz-jwt-n8n-staging'
const path = 'kv/data/keybuzz/n8n-staging'

/** A run on a cluster with the injector of this method. */
const run = (world: World = {}) =>
  runIn(vault, n8n, {
    settings: settings(),
    injector: injector(vault.url, 'auth/jwt', 2, 'jwt'),
    signing: { published: [signer] },
    // Its pods are those of this method too.
    pods: () => podsOf(objectsOf(n8n, settings())),
    ...world,
  })
const require = (world: World = {}) => createOwnSecrets(run(world).session).require()

function opened(): void {
  vault.state.documents.set('sys/auth', { 'jwt/': { type: 'jwt' } })
  vault.state.documents.set('auth/jwt/config', {
    bound_issuer: issuerName,
    jwt_validation_pubkeys: [signer.pem],
  })
}

test('opting in writes a role for the subject of its service account, and its pods then log in', async () => {
  opened()
  await require({ account: false })
  assert.deepEqual(vault.state.writes, [`PUT ${policy}`, `POST ${role}`, `POST ${path}`])
  assert.deepEqual(vault.state.documents.get(role), {
    role_type: 'jwt',
    bound_subject: 'system:serviceaccount:n8n-staging:n8n',
    bound_audiences: ['vault'],
    user_claim: 'sub',
    token_policies: ['keybuzz-jwt-n8n-staging'],
    token_ttl: 3600,
  })
  const { session, pruned } = run()
  await finishSecrets(session, ['01_deploy'], 50)
  assert.deepEqual(pruned, ['Secret n8n-staging/n8n'])
  vault.state.writes.length = 0
  await require()
  await require({ settings: { ...settings(), VAULT_TOKEN: '' } })
  assert.deepEqual(vault.state.writes, [])
})

test('each pod that gets files has the annotations of the login; with Secrets none has', () => {
  const of = (SECRETS: string) =>
    templatesOf(objectsOf(n8n, { ...settings(), SECRETS })).map(({ metadata }) => metadata?.annotations ?? {})
  const asking = of('vault').filter((all) => 'vault.hashicorp.com/agent-inject' in all)
  assert.ok(asking.length > 0)
  for (const all of asking) {
    assert.equal(all['vault.hashicorp.com/auth-type'], 'jwt')
    assert.equal(all['vault.hashicorp.com/auth-path'], 'auth/jwt')
  }
  assert.ok(!JSON.stringify(of('kubernetes')).includes('vault.hashicorp.com'))
})

test('a Vault that is opened by the other method is not opened: exit 3 names the one that is missing', async () => {
  vault.state.documents.set('sys/auth', { 'jwt/': { type: 'kubernetes' } })
  await assert.rejects(require(), { exitCode: 3, message: /has no auth method jwt at jwt$/ })
  assert.deepEqual(vault.state.writes, [])
})

test('a role that is bound to another subject: exit 5 names it, and it stays', async () => {
  opened()
  await require()
  vault.state.writes.length = 0
  const live = vault.state.documents.get(role)
  vault.state.documents.set(role, { ...live, bound_subject: 'system:serviceaccount:elsewhere:n8n' })
  await assert.rejects(require(), { exitCode: 5, message: /is bound to another namespace/ })
  assert.deepEqual(vault.state.writes, [])
})

test('an injector of the other method: exit 5 says both, and nothing is written', async () => {
  opened()
  await assert.rejects(require({ injector: injector(vault.url, 'auth/jwt') }), (thrown: KitError) => {
    assert.equal(thrown.exitCode, 5)
    assert.match(thrown.message, /for another Vault/)
    assert.deepEqual(thrown.details.slice(0, 2), [
      `injector: ${vault.url}, auth/jwt, method kubernetes`,
      `settings: ${vault.url}, auth/jwt, method jwt`,
    ])
    assert.match(thrown.hint ?? '', /VAULT_AUTH_METHOD/)
    return true
  })
  assert.deepEqual(vault.state.asked, [])
})

test('the way back takes role and policy of this path away', async () => {
  opened()
  await require()
  vault.state.writes.length = 0
  const account = { kind: 'ServiceAccount', metadata: { name: 'n8n', namespace: 'n8n-staging' } }
  const { session } = run({
    settings: { ...settings(), SECRETS: 'kubernetes' },
    pods: () => [],
    objects: [account],
    unwanted: [account],
  })
  await finishSecrets(session, ['01_deploy'], 50)
  assert.deepEqual(vault.state.writes, [`DELETE ${role}`, `DELETE ${policy}`])
})
