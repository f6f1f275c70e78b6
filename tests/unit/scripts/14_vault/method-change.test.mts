import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import deploy from '../../../../scripts/14_vault/14_vault_01_deploy.mts'
import configure from '../../../../scripts/14_vault/14_vault_02_configure_injection.mts'
import { requireMethodOfPods } from '../../../../scripts/14_vault/method-change.mts'
import { injector } from '../../vault/world.mts'
import { startStandIn } from '../../vault/server.mts'
import { images, settingsFor } from './settings.mts'

// Another VAULT_AUTH_METHOD on a cluster whose injector was installed with the first one.

const address = 'https://vault.example.com:8200'

/** @param type the injector's method; undefined: there is no injector @param labelled namespaces of injection */
const cluster = (type: string | undefined, labelled: readonly string[] = []) =>
  ({
    get: () =>
      Promise.resolve(type === undefined ? undefined : injector(address, `auth/${type}`, 2, type).deployment),
    list: () => Promise.resolve(['vault-check', ...labelled].map((name) => ({ metadata: { name } }))),
  }) as never
const jwt = settingsFor({ VAULT_AUTH_METHOD: 'jwt' })

function screenOf(context: TestContext): () => string {
  let screen = ''
  context.mock.method(process.stderr, 'write', (text: string) => Boolean((screen += text)))
  return () => screen
}

test('the first install, and one by the same method, change none', async (context) => {
  const screen = screenOf(context)
  await requireMethodOfPods(cluster(undefined, ['n8n-staging']), jwt)
  await requireMethodOfPods(cluster('jwt', ['n8n-staging']), jwt)
  await requireMethodOfPods(cluster('kubernetes', ['n8n-staging']), settingsFor())
  assert.equal(screen(), '')
})

for (const [then, settings] of [
  ['kubernetes', jwt],
  ['jwt', settingsFor()],
] as const)
  test(`from ${then}, while a module takes its secrets from Vault: exit 5 names it and the way`, async () => {
    await assert.rejects(requireMethodOfPods(cluster(then, ['n8n-staging', 'llm-staging']), settings), {
      exitCode: 5,
      message: new RegExp(`^VAULT_AUTH_METHOD is ${settings.VAULT_AUTH_METHOD}, .* works with ${then}`),
      details: [
        'namespaces: n8n-staging, llm-staging',
        'New pods of theirs would not start. Nothing was written.',
      ],
      hint: new RegExp(
        `^put VAULT_AUTH_METHOD=${then} back; .*--set SECRETS=kubernetes; then \\./00_master_install\\.mjs --module 14 --env staging --set VAULT_AUTH_METHOD=${settings.VAULT_AUTH_METHOD}; .*--set SECRETS=vault`,
      ),
    })
  })

test('the same path for another method: exit 5 says which setting to give', async () => {
  const settings = settingsFor({ VAULT_AUTH_METHOD: 'jwt', VAULT_AUTH_PATH: 'kubernetes' })
  await assert.rejects(requireMethodOfPods(cluster('kubernetes'), settings), {
    exitCode: 5,
    message: /at the same path kubernetes$/,
    hint: /VAULT_AUTH_PATH in credentials\/staging\/platform\.env to another word, such as jwt/,
  })
})

test('with no such module the change is made, and what stays at the old path is named', async (context) => {
  const screen = screenOf(context)
  await requireMethodOfPods(cluster('kubernetes'), jwt)
  assert.match(
    screen(),
    /at auth\/kubernetes stays there: role keybuzz-check, policy keybuzz-kubernetes-check/,
  )
  assert.match(screen(), /vault auth disable kubernetes/)
})

test('both steps ask that before they apply or write anything', async () => {
  const nothing = (what: string) => () => assert.fail(`${what} before the method was asked about`)
  const kube = { ...(cluster('kubernetes', ['n8n-staging']) as object), apply: nothing('applied') }
  const context = { settings: jwt, images, kube, pulls: { require: nothing('pulled') } }
  await assert.rejects(deploy.run(context as never), { exitCode: 5, message: /VAULT_AUTH_METHOD is jwt/ })
  const vault = await startStandIn()
  try {
    const settings = settingsFor({ VAULT_AUTH_METHOD: 'jwt', VAULT_ADDR: vault.url, VAULT_CA: vault.ca })
    await assert.rejects(configure.run({ ...context, settings } as never), {
      exitCode: 5,
      message: /VAULT_AUTH_METHOD is jwt/,
    })
    assert.deepEqual(vault.state.writes, [])
  } finally {
    await vault.stop()
  }
})
