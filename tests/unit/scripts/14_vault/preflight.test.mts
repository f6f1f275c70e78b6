import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { KitError } from '../../../../lib/base/errors.mts'
import { send } from '../../../../lib/backends/vault-client.mts'
import { proveVault, rightsFor } from '../../../../scripts/14_vault/preflight.mts'
import type { VaultSettings } from '../../../../scripts/14_vault/settings.mts'
import { adminToken, at, startStandIn, type Fault, type Given, type StandIn } from '../../vault/server.mts'
import { settingsFor } from './settings.mts'

// Each state of Vault has its own message and exit code, and nothing is written before. Vault is a stand-in.

let vault: StandIn
before(async () => {
  vault = await startStandIn()
})
afterEach(() => vault.reset())
after(() => vault.stop())

const settingsOf = (more: Record<string, string> = {}): VaultSettings =>
  settingsFor({ VAULT_ADDR: vault.url, VAULT_CA: vault.ca, VAULT_TOKEN: adminToken, ...more })

async function refusal(settings: VaultSettings): Promise<KitError> {
  const thrown: unknown = await proveVault(settings).then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof KitError, String(thrown))
  assert.deepEqual(vault.state.writes, [])
  assert.ok(!JSON.stringify([thrown.message, thrown.details, thrown.hint]).includes(adminToken))
  assert.ok(thrown.hint !== undefined)
  return thrown
}

test('a Vault that is right, with a token for the set-up, an AppRole, or neither', async () => {
  assert.ok((await proveVault(settingsOf())).admin)
  const role = { VAULT_TOKEN: '', VAULT_ROLE_ID: 'role-id', VAULT_SECRET_ID: 'secret-id-of-the-tests' }
  assert.ok((await proveVault(settingsOf(role))).admin)
  assert.equal((await proveVault(settingsOf({ VAULT_TOKEN: '' }))).admin, undefined)
  assert.deepEqual(vault.state.writes, [])
})

test('a namespace in Vault goes with each request but that of its health', async () => {
  await proveVault(settingsOf({ VAULT_NAMESPACE: 'team' }))
  for (const { path, namespace } of vault.state.asked)
    assert.equal(namespace, path === 'sys/health' ? '' : 'team', path)
})

test('a standby passes requests on: it is taken', async () => {
  vault.wrong(at('sys/health', { status: 429, json: { version: '2.7.2' } }))
  assert.ok((await proveVault(settingsOf())).admin)
})

test('nothing listens there: exit 6', async () => {
  const error = await refusal(settingsOf({ VAULT_ADDR: 'https://127.0.0.1:1' }))
  assert.equal(error.exitCode, 6)
  assert.match(error.message, /^Vault https:\/\/127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/)
})

test('a server that never answers: exit 6 when the time is over', async () => {
  vault.wrong(() => ({ silent: true }))
  const server = { where: 'Vault', url: vault.url, ca: vault.ca, caHint: '' }
  await assert.rejects(send(server, { method: 'GET', path: '/v1/sys/health' }, 300), {
    exitCode: 6,
    message: 'Vault cannot be reached: no answer within 0.3 s',
  })
})

test('an answer without end is cut off: exit 6', async () => {
  vault.wrong(() => ({ text: 'x'.repeat(3_000_000) }))
  const error = await refusal(settingsOf())
  assert.equal(error.exitCode, 6)
  assert.match(error.message, /more than 1 MiB/)
})

test('another CA, and a name that is not in the certificate: exit 7, and no token was sent', async () => {
  const foreign = await refusal(settingsOf({ VAULT_CA: vault.foreignCa }))
  assert.equal(foreign.exitCode, 7)
  assert.match(foreign.message, /is not proven by its CA/)
  assert.match(foreign.hint ?? '', /platform\.vault\.ca/)
  const named = await refusal(settingsOf({ VAULT_ADDR: vault.url.replace('127.0.0.1', 'localhost') }))
  assert.equal(named.exitCode, 7)
  assert.match(named.message, /shows a certificate that is not for localhost/)
  assert.deepEqual(vault.state.asked, [])
})

const health = (status: number): Fault => at('sys/health', { status, json: { version: '2.7.2' } })
const now = () => Math.floor(Date.now() / 1000)
const clock =
  (ahead: number): Fault =>
  ({ path }) =>
    path === 'sys/health' ? { json: { version: '2.7.2', server_time_utc: now() + ahead } } : undefined
const kv = (json: unknown): Fault => at('sys/internal/ui/mounts/kv', { json: { data: json } })
const lookup = (given: Given): Fault => at('auth/token/lookup-self', given)

const wrong: readonly [what: string, fault: Fault, exitCode: number, message: RegExp][] = [
  ['sealed', health(503), 3, /is sealed$/],
  ['not initialised', health(501), 3, /is not initialised/],
  ['a replica for disasters', health(472), 3, /replica for disaster recovery/],
  [
    'no Vault at all',
    at('sys/health', { status: 404, text: '<html>nginx</html>' }),
    3,
    /does not answer as Vault/,
  ],
  ['a page in place of Vault', at('sys/health', { text: '<html>' }), 3, /its health/],
  [
    'a redirect',
    at('sys/health', { status: 307, headers: { location: 'https://x' } }),
    3,
    /does not answer as Vault/,
  ],
  ['a clock that is ahead', clock(300), 3, /the clock of Vault .* is (299|300|301) s ahead/],
  ['a clock that is behind', clock(-300), 3, /the clock of Vault .* is (299|300|301) s behind/],
  [
    'a token that has ended',
    lookup({ status: 403, json: { errors: ['permission denied'] } }),
    8,
    /does not take the token/,
  ],
  [
    'a token that ends within the run',
    lookup({ json: { data: { ttl: 30, expire_time: '2026-01-01T00:00:30Z' } } }),
    8,
    /only until 2026-01-01T00:00:30Z, 30 s from now/,
  ],
  ['KV version 1', kv({ type: 'kv', options: { version: '1' } }), 3, /kv is KV version 1, not KV version 2/],
  ['KV version 1 of old', kv({ type: 'kv', options: null }), 3, /kv is KV version 1/],
  ['another engine', kv({ type: 'pki', options: null }), 3, /kv is of type pki/],
  [
    'no such mount',
    at('sys/internal/ui/mounts/kv', {
      status: 403,
      json: { errors: ['preflight capability check returned 403'] },
    }),
    8,
    /has no mount kv, or not for this token/,
  ],
]

for (const [what, fault, exitCode, message] of wrong) {
  test(`${what}: exit ${exitCode}, with its own message`, async () => {
    vault.wrong(fault)
    const error = await refusal(settingsOf())
    assert.equal(error.exitCode, exitCode)
    assert.match(error.message, message)
  })
}

for (const ahead of [300, -300])
  test(`clocks that are ${ahead} s apart: both are shown, Vault's first`, async () => {
    vault.wrong(clock(ahead))
    const { details } = await refusal(settingsOf())
    const [, theirs = '', ours = ''] =
      /^it has ([-\dT:]{19}) UTC, this machine ([-\dT:]{19}) UTC$/.exec(details[0] ?? '') ?? []
    const [vaultMs, ownMs] = [Date.parse(`${theirs}Z`), Date.parse(`${ours}Z`)]
    assert.ok(Math.abs(vaultMs - ownMs - ahead * 1000) <= 2000, details[0])
    assert.ok(Math.abs(ownMs - Date.now()) < 60_000, details[0])
  })

const sealedMeanwhile: Given = { status: 503, json: { errors: ['Vault is sealed'] } }
for (const [path, asked] of [
  ['auth/token/lookup-self', 'to show the token for the set-up'],
  ['sys/capabilities-self', 'to list the rights of the token'],
  ['sys/internal/ui/mounts/kv', 'to show the mount kv'],
] as const)
  test(`sealed meanwhile, asked ${asked}: exit 3, and the token is not blamed`, async () => {
    vault.wrong(at(path, sealedMeanwhile))
    const error = await refusal(settingsOf())
    assert.equal(error.exitCode, 3)
    assert.ok(error.message.endsWith(`answers 503 Vault is sealed, asked ${asked}`), error.message)
    assert.deepEqual(error.details, ['That is no refusal. Nothing was written.'])
    assert.match(error.hint ?? '', /vault status/)
  })

for (const status of [307, 429, 500])
  test(`an answer ${status} does not blame the AppRole or its secret: exit 3`, async () => {
    vault.wrong(at('auth/approle/login', { status, json: { errors: ['not now'] } }))
    const role = { VAULT_TOKEN: '', VAULT_ROLE_ID: 'role-id', VAULT_SECRET_ID: 'secret-id-of-the-tests' }
    const error = await refusal(settingsOf(role))
    assert.equal(error.exitCode, 3)
    assert.ok(error.message.endsWith(`answers ${status} not now, asked to log in by AppRole`), error.message)
  })

test('a token that may not ask for its rights lacks that right, and no other is said to be missing', async () => {
  vault.wrong(at('sys/capabilities-self', { status: 403, json: { errors: ['permission denied'] } }))
  const error = await refusal(settingsOf())
  assert.equal(error.exitCode, 8)
  assert.equal(error.details[0], 'sys/capabilities-self: update (403 permission denied)')
  assert.equal(error.details.length, 2)
})

test('a root token has no end, and is taken', async () => {
  vault.wrong(lookup({ json: { data: { ttl: 0, expire_time: null } } }))
  assert.ok((await proveVault(settingsOf())).admin)
})

test('an AppRole whose secret id is used up: exit 8', async () => {
  const role = { VAULT_TOKEN: '', VAULT_ROLE_ID: 'role-id', VAULT_SECRET_ID: 'used-up-secret-id' }
  const error = await refusal(settingsOf(role))
  assert.equal(error.exitCode, 8)
  assert.match(error.message, /does not take the AppRole .*invalid role or secret ID/)
})

test('missing rights are named by their path, all at once; root has every right', async () => {
  const granted = (more: Record<string, string[]>): Fault => {
    const all = Object.fromEntries(
      rightsFor(settingsOf()).map(({ path, capabilities }) => [path, [...capabilities]]),
    )
    return at('sys/capabilities-self', { json: { data: { ...all, ...more } } })
  }
  vault.wrong(granted({ 'kv/data/keybuzz/check': ['read'], 'sys/auth/kubernetes': ['deny'] }))
  const error = await refusal(settingsOf())
  assert.equal(error.exitCode, 8)
  assert.deepEqual(error.details, [
    'sys/auth/kubernetes: create, sudo, update',
    'kv/data/keybuzz/check: create, update',
    'Nothing was written.',
  ])
  vault.wrong(
    at('sys/capabilities-self', {
      json: { data: Object.fromEntries(rightsFor(settingsOf()).map(({ path }) => [path, ['root']])) },
    }),
  )
  assert.ok((await proveVault(settingsOf())).admin)
})
