import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Revision } from '../../../lib/state/revision.mts'
import { requireSameSettings, requireSameStore, rollBack } from '../../../lib/verbs/rollback.mts'
import { requireNobodyNeeds } from '../../../lib/verbs/uninstall.mts'
import { k3s } from '../../../scripts/09_k3s/module.mts'
import { n8n } from '../../../scripts/12_n8n/module.mts'
import { vault } from '../../../scripts/14_vault/module.mts'

// Where secret values are, as revisions recorded it: for a rollback, and for an uninstall of what pods need.

const revision = (
  module: string,
  values: Record<string, string> | undefined,
  state = 'validated',
): Revision =>
  ({
    number: 4,
    module,
    env: 'staging',
    state,
    images: {},
    ...(values === undefined ? {} : { madeWith: { values, secrets: [] } }),
  }) as unknown as Revision

test('a rollback stays where the values are: across the way into Vault, or back, it is refused', () => {
  const settings = (SECRETS?: string) => ({ ENV: 'staging', ...(SECRETS === undefined ? {} : { SECRETS }) })
  for (const [then, now] of [
    [undefined, undefined],
    [undefined, 'kubernetes'],
    ['kubernetes', undefined],
    ['vault', 'vault'],
  ] as const)
    requireSameStore(revision('12_n8n', then === undefined ? {} : { SECRETS: then }), settings(now))
  requireSameStore(revision('12_n8n', undefined), settings())
  for (const [then, now] of [
    ['vault', 'kubernetes'],
    ['vault', undefined],
    [undefined, 'vault'],
  ] as const)
    assert.throws(
      () => requireSameStore(revision('12_n8n', then === undefined ? {} : { SECRETS: then }), settings(now)),
      { exitCode: 5, hint: new RegExp(`--set SECRETS=${then ?? 'kubernetes'}`) },
    )
})

test('a rollback of pods with values of Vault stays with the auth method; without such values there is none', () => {
  const inVault = (VAULT_AUTH_METHOD?: string) => ({
    SECRETS: 'vault',
    ...(VAULT_AUTH_METHOD === undefined ? {} : { VAULT_AUTH_METHOD }),
  })
  const roll = (then: string | undefined, now: string) => () =>
    requireSameStore(revision('12_n8n', inVault(then)), { ENV: 'staging', ...inVault(now) })
  roll(undefined, 'kubernetes')()
  roll('jwt', 'jwt')()
  for (const [then, now] of [
    [undefined, 'jwt'],
    ['jwt', 'kubernetes'],
  ] as const)
    assert.throws(roll(then, now), {
      exitCode: 5,
      message: `revision 4 has VAULT_AUTH_METHOD=${then ?? 'kubernetes'}, today's settings have ${now}`,
    })
  requireSameStore(revision('12_n8n', {}), { ENV: 'staging', VAULT_AUTH_METHOD: 'jwt' })
  assert.throws(
    () => requireSameSettings(vault, revision('14_vault', {}), { ENV: 'staging', VAULT_AUTH_METHOD: 'jwt' }),
    { exitCode: 5, message: /has VAULT_AUTH_METHOD=kubernetes, today's settings have jwt/ },
  )
})

test('a rollback goes to no revision with or without the monitoring that today’s settings have not: exit 5', () => {
  const roll = (then: Record<string, string> | undefined, MONITORING: boolean) => () =>
    requireSameSettings(k3s, revision('09_k3s', then), { ENV: 'prod', MONITORING })
  for (const then of [undefined, {}, { MONITORING: 'false' }, { DOMAIN: 'example.com' }]) {
    roll(then, false)()
    assert.throws(roll(then, true), {
      exitCode: 5,
      message: "revision 4 has MONITORING=false, today's settings have true",
      hint: './00_master_install.mjs --module 9 --env prod --set MONITORING=false; then roll back',
    })
  }
  roll({ MONITORING: 'true' }, true)()
  assert.throws(roll({ MONITORING: 'true' }, false), { exitCode: 5, hint: /--set MONITORING=true/ })
  // Other modules have nothing of the kind.
  requireSameSettings(n8n, revision('12_n8n', { MONITORING: 'true' }), { ENV: 'prod' })
})

test('a rollback asks that before it writes or names anything', async () => {
  const all = [
    { ...revision('09_k3s', { MONITORING: 'true' }), manifests: [{ kind: 'A' }] },
    { ...revision('09_k3s', {}), number: 5, manifests: [{ kind: 'B' }] },
  ]
  const intend = () => assert.fail('the rollback has begun')
  const session = {
    module: k3s,
    versions: {},
    env: 'staging',
    options: {},
    inputs: { current: () => ({ ENV: 'staging', MONITORING: false }) },
    requireOpened: () => ({ revisions: { all, current: all[1], intend }, kube: {}, known: [] }),
  }
  await assert.rejects(rollBack(session as never, []), { exitCode: 5, message: /MONITORING=true/ })
})

test('module 14 is not uninstalled while a module of any environment takes its secrets from Vault', () => {
  const asks = (...known: Revision[]) => requireNobodyNeeds(vault as never, { known })
  asks(
    revision('12_n8n', {}),
    revision('15_llm', { SECRETS: 'kubernetes' }),
    revision('11_chatwoot', undefined),
  )
  assert.throws(() => asks(revision('12_n8n', { SECRETS: 'vault' })), {
    exitCode: 5,
    details: ['installed on this cluster: 12_n8n (staging)', 'Nothing was written.'],
    hint: /--set SECRETS=kubernetes/,
  })
  // A run that was ended on its way counts; one that is uninstalled, or back, does not.
  assert.throws(() => asks(revision('12_n8n', { SECRETS: 'vault' }, 'pending')), { exitCode: 5 })
  asks(revision('12_n8n', { SECRETS: 'vault' }, 'uninstalled'))
  // A way back that was ended: pods of before it may still run.
  assert.throws(
    () =>
      asks(
        revision('12_n8n', { SECRETS: 'vault' }),
        revision('12_n8n', { SECRETS: 'kubernetes' }, 'pending'),
      ),
    { exitCode: 5 },
  )
  asks(revision('12_n8n', { SECRETS: 'vault' }), revision('12_n8n', { SECRETS: 'kubernetes' }))
  requireNobodyNeeds(n8n as never, { known: [revision('15_llm', { SECRETS: 'vault' })] })
})
