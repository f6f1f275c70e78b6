import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agentFailures } from '../../../lib/backends/vault-failures.mts'
import { diagnosePod } from '../../../lib/kube/rollout/diagnosis.mts'
import { explainLines } from '../../../lib/kube/rollout/failure.mts'
import { keybuzz } from '../../../scripts/10_keybuzz/module.mts'
import { chatwoot } from '../../../scripts/11_chatwoot/module.mts'
import { n8n } from '../../../scripts/12_n8n/module.mts'
import { superset } from '../../../scripts/13_superset/module.mts'
import { llm } from '../../../scripts/15_llm/module.mts'
import { settingsOf } from '../scripts/rendered.mts'

// Why a pod that takes its values from Vault does not start: no event and no restart shows it.

const settings = { ENV: 'staging', SECRETS: 'vault', VAULT_ADDR: 'https://vault.example.com:8200' }

for (const [line, meaning] of [
  ['template server: map has no entry for key "N8N_ENCRYPTION_KEY"', /lacks a value/],
  ['error authenticating: Code: 503. Errors: * Vault is sealed', /is sealed/],
  ['Code: 400. Errors: * invalid role name "keybuzz-n8n-staging"', /role, policy or values/],
  ['Code: 403. Errors: * namespace not authorized', /role, policy or values/],
  ['Code: 400. Errors: * role "keybuzz-n8n-staging" could not be found', /role, policy or values/],
  ['Code: 400. Errors: * error validating token: invalid subject (sub) claim', /role, policy or values/],
  [
    'Code: 400. Errors: * error validating token: error verifying token signature: no known key successfully validated the token signature',
    /does not have the public key, or the issuer/,
  ],
  [
    'Code: 400. Errors: * error validating token: invalid issuer (iss) claim',
    /the public key, or the issuer/,
  ],
  ['no secret exists at kv/data/keybuzz/n8n-staging', /role, policy or values/],
  ['tls: x509: certificate signed by unknown authority', /not signed by the CA/],
  ['error authenticating: Code: 403. Errors: * permission denied', /refuses the login/],
  ['Put "https://vault.example.com:8200/v1/auth": dial tcp 10.0.0.1:8200: connect', /does not reach Vault/],
] as const)
  test(`an agent’s log line is explained: ${line}`, () => {
    const { known } = explainLines(['an earlier line', line], agentFailures(settings))
    assert.match(known?.meaning ?? '', meaning)
  })

test('modules know these lines with Vault alone, and their own lines keep their meaning', () => {
  assert.deepEqual(agentFailures({ ENV: 'staging', SECRETS: 'kubernetes' }), [])
  for (const module of [keybuzz, chatwoot, n8n, superset, llm]) {
    const of = (more: Record<string, string>) => module.failures(settingsOf(module, more) as never)
    assert.equal(of({ SECRETS: 'vault' }).length - of({}).length, agentFailures(settings).length)
    for (const own of [
      'connect ECONNREFUSED 10.0.0.5:5432: There was an error initializing DB',
      'ERROR: permission denied for schema public',
      "EACCES: permission denied, open '/home/node/.n8n/config'",
      'preflight: no module psycopg2',
      'sh: 1: exec: server.js: not found',
    ])
      assert.equal(
        explainLines([own], of({ SECRETS: 'vault' })).known?.meaning,
        explainLines([own], of({})).known?.meaning,
      )
  }
})

const started = '2026-11-30T10:00:00Z'
const pod = (name: string, state: object) => ({
  metadata: { name: 'n8n-1' },
  status: {
    initContainerStatuses: [{ name, image: 'i', imageID: '', ready: false, restartCount: 0, state }],
  },
})
const at = (seconds: number) => ({ podsEnding: false, now: Date.parse(started) + seconds * 1000 })

test('an agent that gets no values is named with its log after a minute and a half, and not before', () => {
  const waiting = pod('vault-agent-init', { running: { startedAt: started } })
  assert.equal(diagnosePod(waiting as never, at(60)), undefined)
  const found = diagnosePod(waiting as never, at(120))
  assert.equal(found?.what, 'it waits for Vault')
  assert.match(found.words, /for 120 s/)
  assert.deepEqual(found.log, { pod: 'n8n-1', container: 'vault-agent-init', previous: false })
  // Its start is by the clock of its node, the question by ours: nobody has waited that long yet.
  assert.equal(diagnosePod(waiting as never, { ...at(120), waited: 20 }), undefined)
  const other = pod('runner', { running: { startedAt: started } })
  assert.equal(diagnosePod(other as never, at(9000)), undefined)
  assert.equal(
    diagnosePod(pod('vault-agent-init', { terminated: { exitCode: 0 } }) as never, at(9000)),
    undefined,
  )
})
