import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { after, afterEach, before, test } from 'node:test'
import { Cancelled } from '../../../lib/base/errors.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { failed, runChecks, type Outcome } from '../../../lib/checks/checks.mts'
import { secretsChecks } from '../../../lib/checks/vault-secrets.mts'
import { encode } from '../../../lib/state/revision-store.mts'
import type { Revision } from '../../../lib/state/revision.mts'
import type { Check } from '../../../lib/checks/checks.mts'
import type { Module } from '../../../lib/run/module.mts'
import { checks as ofKeybuzz } from '../../../scripts/10_keybuzz/checks.mts'
import { keybuzz } from '../../../scripts/10_keybuzz/module.mts'
import { checks as ofChatwoot } from '../../../scripts/11_chatwoot/checks.mts'
import { chatwoot } from '../../../scripts/11_chatwoot/module.mts'
import { checks } from '../../../scripts/12_n8n/checks.mts'
import { n8n } from '../../../scripts/12_n8n/module.mts'
import { checks as ofSuperset } from '../../../scripts/13_superset/checks.mts'
import { superset } from '../../../scripts/13_superset/module.mts'
import { checks as ofLlm } from '../../../scripts/15_llm/checks.mts'
import { llm } from '../../../scripts/15_llm/module.mts'
import { applications, settingsOf } from '../scripts/rendered.mts'
import { at, startStandIn, type StandIn } from '../vault/server.mts'
import { base64, filled, inVault, opened, runIn, type World } from '../vault/world.mts'

// The checks of a module that takes its secrets from Vault, with n8n's, each failing once.

let vault: StandIn
before(async () => {
  vault = await startStandIn()
})
afterEach(() => vault.reset())
after(() => vault.stop())

const ids = ['n8n.vault', 'n8n.copies']
const declared = checks.filter(({ id }) => ids.includes(id))
/** As n8n declares them, but that a wrong file is not waited for. */
const own = secretsChecks(n8n, { patience: 0 })
const key = 'a-key-a-key'

async function asked(world: World = {}): Promise<Record<string, Outcome>> {
  const settings = world.settings ?? inVault(vault)
  const { kube } = runIn(vault, n8n, world).session.requireOpened()
  const tools = { settings: settingsOf(n8n, settings), kube: kube.reader }
  const found = await runChecks(own, tools as never)
  return Object.fromEntries(found.map((one) => [one.id, one]))
}

function right(): void {
  opened(vault)
  filled(vault, n8n, inVault(vault))
}

const secret = (name: string, namespace: string, data: object, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace, ...more },
  data,
})

/** Fails with these words, which show no value. */
async function fails(id: string, words: RegExp, world: World = {}): Promise<void> {
  const { [id]: found } = await asked(world)
  assert.equal(found?.result, 'failed', id)
  assert.match(found.evidence, words)
  assert.ok(!found.evidence.includes(key) && !found.evidence.includes('A-password-1'))
}

test('both apply only with SECRETS=vault', async () => {
  assert.deepEqual(await asked({ settings: {} }), {})
  assert.deepEqual(
    declared.map(({ id }) => id),
    ids,
  )
})

test('equal everywhere and no copy: both pass, and say how much was looked at', async () => {
  right()
  const elsewhere = secret('redis', 'chatwoot-staging', { REDIS_PASSWORD: base64('A-password-1') })
  const shared = { listed: { secrets: [elsewhere] }, settings: inVault(vault, unlike) }
  filled(vault, n8n, shared.settings)
  const { 'n8n.vault': equal, 'n8n.copies': copies } = await asked(shared)
  assert.equal(equal?.result, 'passed', equal?.evidence)
  assert.match(equal.evidence, /^6 values, 4 pods/)
  assert.equal(copies?.result, 'passed', copies?.evidence)
  assert.match(copies.evidence, /^6 values in none of 1 Secrets/)
})

/** Passwords that are not alike, as those of the other tests are. */
const unlike = { N8N_OWNER_PASSWORD: 'Owner-password-2', N8N_POSTGRES_PASSWORD: 'Role-password-3' }

test('another value in a pod, or in Vault, or a login that is refused', async () => {
  right()
  await fails('n8n.vault', /n8n-1 has another value in redis_password/, { files: { redis_password: 'x' } })
  await fails('n8n.vault', /no pod has files of Vault/, { pods: () => [] })
  await fails('n8n.vault', /no service account n8n/, { account: false })
  const path = 'kv/data/keybuzz/n8n-staging'
  const { data } = vault.state.documents.get(path) as { data: Record<string, string> }
  const files = { n8n_encryption_key: key, redis_password: 'A-password-1' }
  const { REDIS_PASSWORD: _gone, ...less } = data
  vault.state.documents.set(path, { data: { ...less, N8N_ENCRYPTION_KEY: 'x' } })
  await fails('n8n.vault', /REDIS_PASSWORD is not in kv.*N8N_ENCRYPTION_KEY is another one in kv/, { files })
  vault.state.documents.delete('auth/kubernetes/role/keybuzz-n8n-staging')
  await fails('n8n.vault', /refuses the pods' login: 400/, { files })
})

/** Each module that may take its secrets from Vault: its checks, a value of its own, what else it needs. */
const eachModule: [Module, readonly Check<never>[], key: string, more: Record<string, string>][] = [
  [
    keybuzz as never,
    ofKeybuzz,
    'API__STRIPE_KEY',
    { API_COMMAND: 'node server.js', API_ENV: "STRIPE_KEY='sk-live-0123456789'\nMODE='production'\n" },
  ],
  [chatwoot as never, ofChatwoot, 'CHATWOOT_SECRET_KEY_BASE', {}],
  [n8n as never, checks, 'N8N_ENCRYPTION_KEY', {}],
  [superset as never, ofSuperset, 'SUPERSET_SECRET_KEY', {}],
  [llm as never, ofLlm, 'OPENAI_API_KEY', {}],
]

for (const [module, declaredBy, one, more] of eachModule)
  test(`${module.slug}: its own checks pass with its pods as they are; a copy of a value and another one in Vault fail`, async () => {
    const { slug } = module
    const settings = inVault(vault, more)
    const typed = settingsOf(module, settings)
    const ask = async (world: World = {}) => {
      const reader = runIn(vault, module, { settings, ...world }).session.requireOpened().kube.reader
      const its = declaredBy.filter(({ id }) => [`${slug}.vault`, `${slug}.copies`].includes(id))
      assert.equal(its.length, 2)
      const found = await runChecks(its, { settings: typed, kube: reader } as never)
      return found.map(({ result, evidence }) => `${result} ${evidence}`)
    }
    opened(vault)
    filled(vault, module, settings)
    const other = secret('other', 'default', { mode: base64('production') })
    const [equal, copies] = await ask({ listed: { secrets: [other] } })
    assert.match(equal ?? '', /^passed/)
    assert.match(copies ?? '', /^passed/)
    const value = module.secrets?.(typed)[one]?.reveal() ?? ''
    const planted = { secrets: [secret('copy', 'default', { any: base64(value) })] }
    assert.match(
      (await ask({ listed: planted }))[1] ?? '',
      new RegExp(`^failed .*Secret default/copy has .*${one}`),
    )
    vault.state.documents.delete(`auth/kubernetes/role/keybuzz-${slug}-staging`)
    assert.match((await ask())[0] ?? '', /^failed Vault refuses/)
  })

test('every module with secrets in Vault is among these', () => {
  const may = Object.values(applications).filter((module) => 'secrets' in module)
  assert.deepEqual(
    eachModule.map(([{ slug }]) => slug),
    may.map(({ slug }) => slug),
  )
})

test('a login that another path is open to, and a Vault that is sealed meanwhile', async () => {
  right()
  const beside = 'kv/data/keybuzz/n8n-staging-other'
  // Vault answers 404 for a path that it may show and that is not there.
  vault.wrong(at(beside, { status: 404, json: { errors: [] } }))
  await fails('n8n.vault', /n8n-staging-other is not refused.*another policy is bound to role keybuzz-n8n-st/)
  vault.wrong(at(beside, { status: 503, json: { errors: ['Vault is sealed'] } }))
  await fails('n8n.vault', /Vault is sealed, asked to read kv/)
})

test('a pod that has just started is waited for', async () => {
  right()
  let listed = 0
  const [check] = secretsChecks(n8n, { patience: 10_000 })
  assert.ok(check)
  const { kube } = runIn(vault, n8n, {
    pods(all) {
      listed += 1
      return listed === 1 ? [] : all
    },
  }).session.requireOpened()
  const tools = { settings: settingsOf(n8n, inVault(vault)), kube: kube.reader }
  const [found] = await runChecks([check], tools as never)
  assert.equal(found?.result, 'passed', found?.evidence)
  assert.equal(listed, 2)
})

test('a copy that somebody planted is found, wherever and however it lies', async () => {
  right()
  const packed = gzipSync(`{"password":"${key}"}`)
  for (const [words, listed] of [
    [
      /Secret n8n-staging\/n8n has N8N_ENCRYPTION_KEY/,
      { secrets: [secret('n8n', 'n8n-staging', { any: base64(key) })] },
    ],
    [
      /Secret default\/copy has N8N_ENCRYPTION_KEY/,
      { secrets: [secret('copy', 'default', { a: base64(`x ${key} y`) })] },
    ],
    [/Secret default\/twice/, { secrets: [secret('twice', 'default', { a: base64(base64(key)) })] }],
    [/Secret default\/packed/, { secrets: [secret('packed', 'default', { a: packed.toString('base64') })] }],
    [
      /Secret default\/release/,
      { secrets: [secret('release', 'default', { release: base64(packed.toString('base64')) })] },
    ],
    [
      /Secret default\/applied/,
      {
        secrets: [
          secret(
            'applied',
            'default',
            {},
            { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': key } },
          ),
        ],
      },
    ],
    [
      /ConfigMap default\/env has N8N_ENCRYPTION_KEY/,
      {
        configmaps: [
          {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: 'env', namespace: 'default' },
            data: { E: `K=${key}` },
          },
        ],
      },
    ],
    // A value that it shares with other modules: its own namespace must not have it.
    [
      /Secret n8n-staging\/redis has .*REDIS_PASSWORD/,
      { secrets: [secret('redis', 'n8n-staging', { p: base64('A-password-1') })] },
    ],
  ] as const)
    await fails('n8n.copies', words, { listed })
})

test('what the operator’s own files say in public is no copy: where a server is, and lines of a file', async () => {
  const origin = 'http://litellm:4000'
  const token = `${origin}/token-of-the-url`
  const values = {
    API_URL: sensitive(origin),
    WITH_PATH: sensitive(token),
    LIST: sensitive(`list:\n  - a line of the list that is long`),
  }
  const [, copies] = secretsChecks(
    { number: 12, slug: 'any', secrets: () => values, shared: [] },
    { files: ['LIST'] },
  )
  const ask = (text: string) => {
    const one = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'one', namespace: 'any' },
      data: { text },
    }
    const kube = { list: (kind: string) => Promise.resolve(kind === 'configmaps' ? [one] : []) }
    return copies?.ask({ settings: { ENV: 'staging' }, kube } as never)
  }
  assert.equal((await ask(`${origin} and - a line of the list that is long`))?.result, 'passed')
  assert.deepEqual(await ask(token), failed('ConfigMap any/one has WITH_PATH'))
})

test('a copy in a revision is found, also in one of several parts', async () => {
  right()
  const manifests = [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'n8n', namespace: 'n8n-staging' },
      data: { key, more: noise() },
    },
  ]
  const revision = { number: 3, module: '12_n8n', env: 'staging', state: 'applied', manifests }
  const made = { who: 'x', when: '2026-11-30T10:00:00Z', kit: '1', images: {} }
  const { head, parts } = encode({ ...revision, ...made } as unknown as Revision, 2000)
  assert.ok(parts.length > 0)
  await fails('n8n.copies', /revision 3 of 12_n8n has N8N_ENCRYPTION_KEY/, {
    listed: { secrets: [head, ...parts] },
  })
})

test('a revision that cannot be read is a warning: nobody knows what it has', async () => {
  right()
  const damaged = {
    ...secret('revision-staging-12-n8n-3', 'keybuzz-system', { meta: '', manifests: '' }),
    type: headType,
  }
  const { 'n8n.copies': found } = await asked({ listed: { secrets: [damaged] } })
  assert.equal(found?.result, 'warning')
  assert.match(found.evidence, /revision-staging-12-n8n-3 cannot be read/)
})

const { type: headType } = encode({
  number: 1,
  module: 'x',
  env: 'x',
  manifests: [],
} as unknown as Revision).head

/** Text that does not pack well. */
function noise(): string {
  let [text, state] = ['', 1]
  for (let at = 0; at < 8000; at += 1) {
    state = (state * 48_271) % 2_147_483_647
    text += String.fromCharCode(97 + (state % 26))
  }
  return text
}

test('an interruption ends them', async () => {
  right()
  const refuse = () => Promise.reject(new Cancelled())
  for (const check of own) {
    const tools = { settings: settingsOf(n8n, inVault(vault)), kube: { list: refuse, get: refuse } }
    await assert.rejects(check.ask(tools as never), { exitCode: 130 })
  }
})
