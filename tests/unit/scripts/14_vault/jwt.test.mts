import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { KitError } from '../../../../lib/base/errors.mts'
import { createWrites, type Writes } from '../../../../lib/base/writes.mts'
import type { KubeReader } from '../../../../lib/kube/reader.mts'
import { openAccess } from '../../../../scripts/14_vault/access.mts'
import { normalKey, readIssuer, requireProven } from '../../../../scripts/14_vault/issuer.mts'
import { proveVault } from '../../../../scripts/14_vault/preflight.mts'
import type { VaultSettings } from '../../../../scripts/14_vault/settings.mts'
import { issuerName, makeSigner, signingKube, type Signing } from '../../vault/jwt.mts'
import { adminToken, at, startStandIn, type StandIn } from '../../vault/server.mts'
import { settingsFor } from './settings.mts'

// VAULT_AUTH_METHOD=jwt: Vault has the cluster's public keys and asks nobody. Keys and signatures are real ones.

let vault: StandIn
before(async () => {
  vault = await startStandIn()
})
afterEach(() => vault.reset())
after(() => vault.stop())

const [rsa, ec, other] = [makeSigner('rsa'), makeSigner('ec'), makeSigner('rsa')]

const settingsOf = (more: Record<string, string> = {}): VaultSettings =>
  settingsFor({
    VAULT_ADDR: vault.url,
    VAULT_CA: vault.ca,
    VAULT_TOKEN: adminToken,
    VAULT_AUTH_METHOD: 'jwt',
    ...more,
  })

/** A cluster that signs so. @param account whether the service account of the checks is there */
const clusterWith = (signing: Signing = { published: [rsa, ec] }, account = true): KubeReader =>
  ({
    get: (kind: string) =>
      kind === 'serviceaccounts' ? Promise.resolve(account ? {} : undefined) : assert.fail(`${kind} is read`),
    ...signingKube(signing),
  }) as unknown as KubeReader

const gate = (planning = false): Writes => createWrites({ planning, guard: () => Promise.resolve() })

async function open(settings = settingsOf(), kube = clusterWith(), writes = gate()): Promise<Writes> {
  const proved = await proveVault(settings)
  await openAccess({ settings, kube, writes, proved, isReviewerNew: false, settlingMs: 100 })
  return writes
}

const refusal = async (doing: Promise<unknown>): Promise<KitError> => {
  const thrown: unknown = await doing.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof KitError, String(thrown))
  return thrown
}

const config = 'auth/jwt/config'
const everything = [
  'POST sys/auth/jwt',
  `POST ${config}`,
  'PUT sys/policies/acl/keybuzz-jwt-check',
  'POST auth/jwt/role/keybuzz-check',
  'POST kv/data/keybuzz/check',
]
const written = () => vault.state.documents.get(config)

test('method, keys, issuer, role and policy are written; no reviewer is looked for; a second run writes nothing', async () => {
  await open()
  assert.deepEqual(vault.state.writes, everything)
  assert.deepEqual(written(), {
    bound_issuer: issuerName,
    jwt_validation_pubkeys: [rsa.pem, ec.pem],
  })
  assert.deepEqual(vault.state.documents.get('sys/auth'), { 'jwt/': { type: 'jwt' } })
  assert.deepEqual(vault.state.documents.get('auth/jwt/role/keybuzz-check'), {
    role_type: 'jwt',
    bound_subject: 'system:serviceaccount:vault-check:vault-check',
    bound_audiences: ['vault'],
    user_claim: 'sub',
    token_policies: ['keybuzz-jwt-check'],
    token_ttl: 3600,
  })
  assert.ok(!vault.state.asked.some(({ path }) => path.startsWith('/apis/')))
  vault.state.writes.length = 0
  await open()
  assert.deepEqual(vault.state.writes, [])
})

test('its role reads the value of the checks and the keys, which are public, and nothing else', async () => {
  await open()
  const { policy } = vault.state.documents.get('sys/policies/acl/keybuzz-jwt-check') as { policy: string }
  assert.deepEqual(policy.match(/path "[^"]+"|capabilities = .*/g), [
    'path "kv/data/keybuzz/check"',
    'capabilities = ["create", "read", "update"]',
    'path "auth/jwt/config"',
    'capabilities = ["read"]',
  ])
})

test('a key signs from now on that Vault does not have: the keys are written whole, and a plan says how many', async () => {
  await open()
  vault.state.writes.length = 0
  const kube = clusterWith({ published: [ec, other], signer: other })
  const { changes } = await open(settingsOf(), kube, gate(true))
  assert.deepEqual(
    changes.map(({ sign, what, fields }) => [sign, what, fields]),
    [
      [
        '~',
        `Vault configuration of jwt: 2 public keys of ${issuerName}`,
        [
          'it lacks 1 of the 2 public keys of this cluster',
          'it has 1 public key that this cluster does not have',
        ],
      ],
    ],
  )
  assert.deepEqual(vault.state.writes, [])
  await open(settingsOf(), kube)
  assert.deepEqual(vault.state.writes, [everything[1]])
  assert.deepEqual(written(), { bound_issuer: issuerName, jwt_validation_pubkeys: [ec.pem, other.pem] })
})

test('keys none of which is of this cluster may be those of another one: a plan asks', async () => {
  await open(settingsOf(), clusterWith({ published: [other] }))
  const { changes } = await open(settingsOf(), clusterWith(), gate(true))
  assert.match(changes[0]?.fields?.join() ?? '', /none of its keys is of this cluster: does another one/)
})

test('keys that Vault has with other line breaks, or in another order, are the same keys', async () => {
  await open()
  const unwrapped = rsa.pem.replace(/(?<=[A-Za-z0-9+/=])\n(?=[A-Za-z0-9+/=])/g, '\r\n')
  assert.notEqual(unwrapped, rsa.pem)
  assert.equal(normalKey(unwrapped), rsa.pem)
  vault.state.documents.set(config, { bound_issuer: issuerName, jwt_validation_pubkeys: [ec.pem, unwrapped] })
  vault.state.writes.length = 0
  await open()
  assert.deepEqual(vault.state.writes, [])
})

test('without a token for the set-up: a key that Vault does not have is exit 2, and nothing is written', async () => {
  await open()
  vault.state.writes.length = 0
  const none = settingsOf({ VAULT_TOKEN: '' })
  await open(none)
  const error = await refusal(open(none, clusterWith({ published: [other] })))
  assert.equal(error.exitCode, 2)
  assert.match(error.message, /no known key successfully validated the token signature/)
  assert.match(error.hint ?? '', /KEYBUZZ_VAULT_TOKEN/)
  assert.deepEqual(vault.state.writes, [])
})

test('before there is a service account a plan names everything, and asks for no token', async () => {
  const { changes } = await open(settingsOf(), clusterWith(undefined, false), gate(true))
  assert.deepEqual(
    changes.map(({ sign, what }) => `${sign} ${what}`),
    [
      '+ Vault auth method jwt at jwt',
      `+ Vault configuration of jwt: 2 public keys of ${issuerName}`,
      '+ Vault policy keybuzz-jwt-check',
      '+ Vault role keybuzz-check: vault-check/vault-check',
      '+ Vault value kv/data/keybuzz/check',
    ],
  )
})

for (const [what, signing, message] of [
  [
    'it signs with a key that it does not publish',
    { published: [rsa, ec], signer: other },
    /\(RS256\) with none of the 2 keys/,
  ],
  [
    'it signs with an EC key, and publishes another',
    { published: [ec], signer: makeSigner('ec') },
    /\(ES256\) with none of the 1 keys/,
  ],
  [
    'its tokens name another issuer',
    { published: [rsa], says: 'https://old.example.com' },
    /another issuer than https:\/\/kubernetes/,
  ],
] as const)
  test(`an API server is tried before Vault gets its keys: ${what}: exit 3`, async () => {
    const error = await refusal(open(settingsOf(), clusterWith(signing)))
    assert.equal(error.exitCode, 3)
    assert.match(error.message, message)
    assert.deepEqual(vault.state.writes, [])
  })

test('keys of both kinds prove tokens; what is no token is proven by none', async () => {
  for (const signer of [rsa, ec]) {
    const kube = clusterWith({ published: [rsa, ec], signer })
    requireProven(await kube.tokenOf('a', 'b', 'vault'), await readIssuer(kube))
  }
  for (const text of ['', 'a.b.c', `${Buffer.from('null').toString('base64url')}.e30.x`])
    assert.throws(
      () => requireProven({ reveal: () => text } as never, { name: issuerName, keys: [rsa.pem] }),
      {
        exitCode: 3,
      },
    )
})

for (const [what, answer, message] of [
  ['no key', { keys: [] }, /lists no public key at \/openid\/v1\/jwks/],
  ['what is no key', { keys: [rsa.jwk, { kty: 'RSA' }] }, /lists a key that is not valid, number 2/],
  ['a page', '<html>', /keys is missing|is text, not a map/],
] as const)
  test(`an API server that publishes ${what}: exit 3`, async () => {
    const raw = (path: string) =>
      Promise.resolve(JSON.stringify(path === '/openid/v1/jwks' ? answer : { issuer: issuerName }))
    const error = await refusal(readIssuer({ raw }))
    assert.equal(error.exitCode, 3)
    assert.match(error.message, message)
    assert.match(error.hint ?? '', /kubectl get --raw/)
  })

for (const [what, method, there, message] of [
  [
    'the other method',
    'jwt',
    { 'jwt/': { type: 'kubernetes' } },
    /at jwt of Vault .* is of type kubernetes, not jwt/,
  ],
  [
    'the other method',
    'kubernetes',
    { 'kubernetes/': { type: 'jwt' } },
    /at kubernetes of Vault .* is of type jwt, not kubernetes/,
  ],
] as const)
  test(`${what} at the path of ${method}: exit 5 with path and type, at the first look`, async () => {
    vault.state.documents.set('sys/auth', there)
    const error = await refusal(proveVault(settingsOf({ VAULT_AUTH_METHOD: method })))
    assert.equal(error.exitCode, 5)
    assert.match(error.message, message)
    assert.match(error.hint ?? '', new RegExp(`such as ${method}-keybuzz`))
  })

for (const [what, live, message, atOnce] of [
  [
    'OIDC',
    { oidc_discovery_url: 'https://ci.example.com' },
    /takes its keys from https:\/\/ci\.example\.com/,
    true,
  ],
  ['a URL of keys', { jwks_url: 'https://ci.example.com/keys' }, /takes its keys from https/, true],
  [
    'several URLs',
    { jwks_pairs: [{ jwks_url: 'https://a' }] },
    /takes its keys from several addresses/,
    true,
  ],
  ['another issuer', { bound_issuer: 'https://ci.example.com' }, /is for the issuer https:\/\/ci/, false],
] as const)
  test(`a method jwt that others use, by ${what}: exit 5, and nothing of it is written over`, async () => {
    vault.state.documents.set('sys/auth', { 'jwt/': { type: 'jwt' } })
    vault.state.documents.set(config, { oidc_discovery_url: '', jwks_url: '', ...live })
    const error = await refusal(atOnce ? proveVault(settingsOf()) : open())
    assert.equal(error.exitCode, 5)
    assert.match(error.message, message)
    assert.deepEqual(vault.state.writes, [])
  })

test('Vault refuses the login after all was written: exit 8, and no firewall is blamed', async () => {
  vault.wrong(
    at('auth/jwt/login', { status: 400, json: { errors: ['error validating token: token not yet valid'] } }),
  )
  const error = await refusal(open())
  assert.equal(error.exitCode, 8)
  assert.match(error.details.join(), /prove the same token on this machine/)
  assert.match(error.hint ?? '', /timedatectl/)
  assert.doesNotMatch(`${error.hint}${error.details.join()}`, /undefined|curl/)
})
