import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Container, Deployment, Job, Manifest } from '../../../../lib/kube/types.mts'
import { problemWith } from '../../../../lib/settings/settings.mts'
import { llm } from '../../../../scripts/15_llm/module.mts'
import { checksSource } from '../../../../scripts/15_llm/python.mts'
import { settingsOf } from '../rendered.mts'
import { started } from '../../vault/started.mts'
import { objectsOf } from '../../vault/world.mts'

// LiteLLM's objects with SECRETS=vault, against those with Secrets.

const vault = { SECRETS: 'vault', VAULT_ADDR: 'https://vault.example.com:8200' }
const before = objectsOf(llm, {})
const after = objectsOf(llm, vault)
const prefix = 'vault.hashicorp.com/'
const named = (objects: Manifest[]) => objects.map((one) => `${one.kind} ${one.metadata?.name}`)
const pods = (after as Deployment[]).filter(({ spec }) => spec?.template !== undefined)
const annotationsOf = (one: Deployment | Job) => one.spec?.template.metadata?.annotations ?? {}
const containerOf = (one: Deployment | Job): Container => {
  const [first] = one.spec?.template.spec?.containers ?? []
  assert.ok(first)
  return first
}
const find = (name: RegExp) => {
  const found = pods.find(({ metadata }) => name.test(metadata?.name ?? ''))
  assert.ok(found, String(name))
  return found
}

test('all Secrets of the module go, those with the files of the operator too; Jobs have other names', () => {
  const gone = named(before).filter((one) => !named(after).includes(one) && !one.startsWith('Job'))
  assert.deepEqual(gone, ['Secret litellm', 'Secret llm-keys', 'Secret llm-files', 'Secret qdrant'])
  const come = named(after).filter((one) => !named(before).includes(one) && !one.startsWith('Job'))
  assert.deepEqual(come, ['ServiceAccount llm'])
  assert.deepEqual(Object.keys(llm.secrets(settingsOf(llm, {}) as never)).toSorted(), [
    'KEYS_ENV',
    'LITELLM_MASTER_KEY',
    'LITELLM_POSTGRES_PASSWORD',
    'LITELLM_SALT_KEY',
    'MODELS_YML',
    'OPENAI_API_KEY',
    'QDRANT_API_KEY',
    'REDIS_PASSWORD',
    'SERVICES_YML',
  ])
})

test('every pod that read a Secret asks for files; each by the uid of its own application, all by one role', () => {
  assert.deepEqual(
    pods.map((one) => one.metadata?.name?.replace(/-[0-9a-f]{10}$/, '')),
    ['litellm-validate', 'litellm-migrate', 'litellm', 'llm-checks', 'qdrant', 'embedder'],
  )
  for (const one of pods) {
    const annotations = annotationsOf(one)
    const pod = one.spec?.template.spec
    assert.equal(annotations[`${prefix}role`], 'keybuzz-llm-staging')
    assert.equal(annotations[`${prefix}agent-run-as-user`], String(pod?.securityContext?.runAsUser))
    assert.equal(pod?.serviceAccountName, 'llm')
    // An agent beside a Job would keep it from ending.
    const ends = String(one.kind) === 'Job' ? 'true' : undefined
    assert.equal(annotations[`${prefix}agent-pre-populate-only`], ends)
    for (const { env = [], volumeMounts = [] } of pod?.containers ?? []) {
      assert.ok(env.every(({ valueFrom }) => valueFrom === undefined))
      assert.ok(volumeMounts.every(({ name }) => name !== 'vault-token'))
    }
  }
  const asked = Object.keys(annotationsOf(find(/^litellm$/))).flatMap(
    (key) => /agent-inject-secret-(.+)/.exec(key)?.[1] ?? [],
  )
  assert.deepEqual(asked.toSorted(), [
    'litellm_master_key',
    'litellm_postgres_password',
    'litellm_salt_key',
    'openai_api_key',
    'redis_password',
  ])
})

test('the migration runs without the keys of models, as before', () => {
  assert.ok(!Object.keys(annotationsOf(find(/migrate/))).some((key) => key.includes('openai')))
})

test('no object has a value; without Vault all is as it was', () => {
  const text = JSON.stringify(after)
  for (const value of ['A-password-1', 'a-provider-key', 'a-qdrant-key', 'a-salt-', 'sk-a-key'])
    for (const form of [value, Buffer.from(value).toString('base64')]) assert.ok(!text.includes(form), form)
  const plain = objectsOf(llm, { SECRETS: 'kubernetes' })
  assert.equal(JSON.stringify(plain), JSON.stringify(before))
})

test('the shell before LiteLLM gives it its variables, awkward ones whole, and its arguments', () => {
  const awkward = `  a'b"c$d\\e\`f *g  `
  const one = find(/^litellm$/)
  const files = {
    litellm_master_key: 'sk-1',
    litellm_salt_key: 'salt',
    litellm_postgres_password: awkward,
    redis_password: 'redis',
    openai_api_key: '{\n\n  "of": "several lines"\n}',
  }
  const { env, words } = started(containerOf(one), files)
  assert.ok(env.includes(`\nDATABASE_PASSWORD=${awkward}\n`), env)
  assert.ok(
    env.includes('\nLITELLM_MASTER_KEY=sk-1\n') && env.includes(`\nOPENAI_API_KEY=${files.openai_api_key}\n`),
  )
  assert.doesNotMatch(env, /_FILE=|^(line|end)=/m)
  assert.equal(words, `WORDS ${containerOf(one).args?.join(' ')}`)
  assert.equal(containerOf(one).command?.at(-1), '/app/docker/prod_entrypoint.sh')
  // A file that is missing or empty ends the container: a program would start without its password.
  for (const bad of [{ redis_password: '' }, {}] as Record<string, string>[]) {
    const { redis_password: _gone, ...less } = files
    assert.equal(started(containerOf(one), { ...less, ...bad }).status, 1)
  }
})

test('Qdrant gets its key by the variable that it reads', () => {
  const one = find(/^qdrant$/)
  assert.match(
    started(containerOf(one), { qdrant_api_key: 'the-key' }).env,
    /^QDRANT__SERVICE__API_KEY=the-key$/m,
  )
  assert.equal(containerOf(one).command?.at(-1), '/qdrant/entrypoint.sh')
})

test('the command of a container shows names of variables, and no value', () => {
  for (const one of [find(/^litellm$/), find(/^qdrant$/)])
    assert.ok(!JSON.stringify(containerOf(one).command).includes('a-'))
})

test('the program of the checks reads its keys from files: kubectl exec starts it without the shell before', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-checks-'))
  try {
    writeFileSync(join(folder, 'key'), 'sk-of-the-file')
    const program = `${checksSource.split('if __name__')[0]}\nprint(headers_for("master", "")["authorization"] == "Bearer sk-of-the-file")`
    const said = execFileSync('python3', ['-c', program], {
      env: { PATH: process.env['PATH'], LITELLM_MASTER_KEY_FILE: join(folder, 'key') },
      encoding: 'utf8',
    })
    assert.equal(said.trim(), 'True')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a service gets the path of a file for each key that it lists', () => {
  const { env = [] } = containerOf(find(/^embedder$/))
  const value = (name: string) => env.find((one) => one.name === name)?.value
  assert.equal(value('OPENAI_API_KEY_FILE'), '/vault/secrets/openai_api_key')
  assert.equal(value('QDRANT_API_KEY_FILE'), '/vault/secrets/qdrant_api_key')
  assert.equal(value('OPENAI_API_KEY'), undefined)
})

test('what files of Vault cannot do is refused before anything is written', () => {
  const problems = (more: Record<string, string>) =>
    llm.validate(settingsOf(llm, { ...vault, ...more }) as never)
  assert.deepEqual(problems({}), [])
  const long = `A_${'B'.repeat(40)}`
  assert.match(
    problems({ KEYS_ENV: `OPENAI_API_KEY='a-provider-key'\n${long}='value'\n` }).join(),
    /more than 41 characters/,
  )
  const root = `services:
  - name: rooted
    image: registry.example.com/rooted:1
    port: 8080
    health: /health
    root: true
    environment: [OPENAI_API_KEY]
    resources: { cpu: 100m, memory: 256Mi, cpuLimit: '1', memoryLimit: 512Mi }
`
  assert.match(problems({ SERVICES_YML: root }).join(), /rooted runs as root and reads keys/)
  assert.deepEqual(problems({ SERVICES_YML: root, SECRETS: 'kubernetes' }), [])
  assert.deepEqual(problems({ VAULT_ROLE_ID: 'only-one' }).length, 1)
})

test('SECRETS is one of two words', () => {
  const setting = llm.settings.find(({ key }) => key === 'SECRETS')
  assert.ok(setting)
  const view = { env: 'staging', text: () => undefined }
  assert.equal(problemWith(setting, 'vault', view), undefined)
  assert.match(problemWith(setting, 'csi', view) ?? '', /must be one of kubernetes, vault/)
})

test('policies let the agents reach Vault, and an uninstall names what stays there', () => {
  const to = (more: Record<string, string>) =>
    JSON.stringify(llm.flows(settingsOf(llm, more) as never)).includes(
      '"host":"vault.example.com","port":8200',
    )
  assert.deepEqual([to(vault), to({})], [true, false])
  const stays = (more: Record<string, string>) => llm.stays(settingsOf(llm, more) as never).join('; ')
  assert.match(stays(vault), /values kv\/data\/keybuzz\/llm-staging, role keybuzz-llm-staging/)
  assert.ok(!stays({}).includes('Vault'))
})
