import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { Cancelled } from '../../../lib/base/errors.mts'
import { adoptableValues } from '../../../lib/run/adoptable.mts'
import { n8n } from '../../../scripts/12_n8n/module.mts'
import { at, startStandIn, type StandIn } from '../vault/server.mts'
import { filled, inVault, opened, runIn } from '../vault/world.mts'

// Lost secrets of a module that keeps them in Vault are restored from there, by a login of its pods.

let vault: StandIn
before(async () => {
  vault = await startStandIn()
})
afterEach(() => vault.reset())
after(() => vault.stop())

const lost = ['N8N_ENCRYPTION_KEY', 'N8N_OWNER_PASSWORD']

/** @param texts what the settings files still have @param made values of the last revision */
function adopt(texts: Record<string, string>, made: Record<string, string> = {}, tokenOf?: () => never) {
  const { session } = runIn(vault, n8n)
  const { kube, look } = session.requireOpened()
  const run = { ...session, inputs: { ...session.inputs, text: (key: string) => texts[key] } }
  const world = {
    kube: { ...kube, reader: { ...kube.reader, ...(tokenOf === undefined ? {} : { tokenOf }) } },
    look,
    revisions: {
      current: { madeWith: { values: { SECRETS: 'vault', ...made }, secrets: lost } },
    },
  }
  return adoptableValues(run as never, world as never)
}

const connection = () => ({
  VAULT_ADDR: vault.url,
  VAULT_CA: vault.ca,
  VAULT_AUTH_PATH: 'kubernetes',
  VAULT_KV_MOUNT: 'kv',
  VAULT_KV_PREFIX: 'keybuzz',
})

test('a lost secret is found in Vault; what the last revision recorded says where that is', async () => {
  opened(vault)
  filled(vault, n8n, inVault(vault))
  const { VAULT_CA, ...recorded } = connection()
  for (const [texts, made] of [
    [connection(), {}],
    [{ VAULT_CA }, recorded],
  ] as const) {
    const { values } = await adopt(texts, made)
    assert.equal(values['N8N_ENCRYPTION_KEY'], 'a-key-a-key')
    assert.equal(values['N8N_OWNER_PASSWORD'], 'A-password-1')
  }
})

test('Vault is asked only when something is lost, by a module that has its values there', async () => {
  opened(vault)
  filled(vault, n8n, inVault(vault))
  const kept = Object.fromEntries(lost.map((key) => [key, 'still-there']))
  assert.deepEqual((await adopt({ ...connection(), ...kept })).values, {})
  assert.deepEqual((await adopt(connection(), { SECRETS: 'kubernetes' })).values, {})
  assert.deepEqual((await adopt({})).values, {})
  assert.deepEqual(vault.state.asked, [])
})

test('a Vault that is sealed, refuses, or is not proven shows nothing, and ends no run', async () => {
  opened(vault)
  assert.deepEqual((await adopt(connection())).values, {})
  filled(vault, n8n, inVault(vault))
  assert.deepEqual((await adopt({ ...connection(), VAULT_CA: vault.foreignCa })).values, {})
  vault.wrong(at('auth/kubernetes/login', { status: 503, json: { errors: ['Vault is sealed'] } }))
  assert.deepEqual((await adopt(connection())).values, {})
})

test('Ctrl-C is no missing value', async () => {
  const interrupted = () => {
    throw new Cancelled()
  }
  await assert.rejects(adopt(connection(), {}, interrupted), { exitCode: 130 })
})
