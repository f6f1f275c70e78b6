import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namesOf } from '../../../../lib/base/names.mts'
import type { Container, Deployment, Manifest } from '../../../../lib/kube/types.mts'
import { n8n } from '../../../../scripts/12_n8n/module.mts'
import { problemWith, resolve, viewOf, type Setting } from '../../../../lib/settings/settings.mts'
import { objectsOf, templatesOf } from '../../vault/world.mts'
import { settingsOf } from '../rendered.mts'

// n8n's objects with SECRETS=vault, against those with Secrets: what differs, and nothing else.

const vault = { SECRETS: 'vault', VAULT_ADDR: 'https://vault.example.com:8200' }
const before = objectsOf(n8n, {})
const after = objectsOf(n8n, vault)
const prefix = 'vault.hashicorp.com/'
const named = (objects: Manifest[]) => objects.map((one) => `${one.kind} ${one.metadata?.name}`)
const pods = templatesOf(after)
const containersOf = (one: (typeof pods)[number]): Container[] => [
  ...(one.spec?.initContainers ?? []),
  ...(one.spec?.containers ?? []),
]

test('the Secret goes, a service account comes, and the namespace asks the injector', () => {
  assert.deepEqual(
    named(before).filter((one) => !named(after).includes(one)),
    ['Secret n8n'],
  )
  assert.deepEqual(
    named(after).filter((one) => !named(before).includes(one)),
    ['ServiceAccount n8n'],
  )
  const namespace = (objects: Manifest[]) =>
    objects.find(({ kind }) => kind === 'Namespace')?.metadata?.labels
  const { 'keybuzz.io/vault-injection': label, ...rest } = namespace(after) ?? {}
  assert.equal(label, 'enabled')
  assert.deepEqual(rest, namespace(before))
})

test('no pod reads a Secret any more; each variable of a Secret is one of a file, with _FILE at its end', () => {
  const secretNames = (objects: Manifest[]) =>
    templatesOf(objects).map((one) =>
      containersOf(one).map(({ env = [] }) =>
        env.filter(({ valueFrom }) => valueFrom?.secretKeyRef !== undefined).map(({ name }) => name),
      ),
    )
  assert.deepEqual(secretNames(after).flat(3), [])
  const fileNames = pods.map((one) =>
    containersOf(one).map(({ env = [] }) =>
      env.filter(({ value = '' }) => value.startsWith('/vault/secrets/')).map(({ name }) => name),
    ),
  )
  assert.deepEqual(
    fileNames,
    secretNames(before).map((one) => one.map((all) => all.map((name) => `${name}_FILE`))),
  )
})

test('a pod asks for just the files its variables name, of one path, each of which must have its field', () => {
  assert.equal(pods.length, 4)
  for (const one of pods) {
    const annotations = one.metadata?.annotations ?? {}
    const files = new Set(
      containersOf(one).flatMap(({ env = [] }) =>
        env.flatMap(({ value = '' }) => /^\/vault\/secrets\/(.+)$/.exec(value)?.[1] ?? []),
      ),
    )
    const asked = Object.keys(annotations).flatMap((key) => /agent-inject-secret-(.+)$/.exec(key)?.[1] ?? [])
    assert.deepEqual(new Set(asked), files)
    for (const file of files) {
      const path = 'kv/data/keybuzz/n8n-staging'
      assert.match(file, /^[a-z0-9_]+$/)
      assert.equal(annotations[`${prefix}agent-inject-secret-${file}`], path)
      assert.equal(
        annotations[`${prefix}agent-inject-template-${file}`],
        `{{- with secret "${path}" -}}{{ .Data.data.${file.toUpperCase()} }}{{- end -}}`,
      )
      assert.equal(annotations[`${prefix}error-on-missing-key-${file}`], 'true')
    }
    assert.ok(Object.keys(annotations).every((key) => (key.split('/')[1] ?? '').length <= 63))
  }
})

test('the agent has the uid of n8n, its role, and a token that no container of ours mounts', () => {
  for (const one of pods) {
    const annotations = one.metadata?.annotations ?? {}
    assert.equal(annotations[`${prefix}agent-run-as-user`], String(one.spec?.securityContext?.runAsUser))
    assert.equal(annotations[`${prefix}agent-run-as-user`], '1000')
    assert.equal(annotations[`${prefix}role`], 'keybuzz-n8n-staging')
    assert.equal(annotations[`${prefix}agent-inject-containers`], 'n8n')
    assert.equal(annotations[`${prefix}agent-pre-populate-only`], undefined)
    // Both, or the older field of the same meaning brings the account back on the way out of Vault.
    assert.deepEqual([one.spec?.serviceAccountName, one.spec?.serviceAccount], ['n8n', 'n8n'])
    assert.equal(one.spec?.automountServiceAccountToken, false)
    const volume = one.spec?.volumes?.find(({ name }) => name === 'vault-token')
    assert.equal(volume?.projected?.sources?.[0]?.serviceAccountToken?.audience, 'vault')
    for (const { volumeMounts = [] } of containersOf(one))
      assert.ok(volumeMounts.every(({ name }) => name !== 'vault-token'))
  }
})

test('the task runner is another user than n8n, and reads its own token alone', () => {
  const worker = pods.find(({ spec }) => spec?.initContainers !== undefined)
  const [runner] = worker?.spec?.initContainers ?? []
  const annotations = worker?.metadata?.annotations ?? {}
  assert.notEqual(runner?.securityContext?.runAsUser, 1000)
  assert.equal(runner?.securityContext?.readOnlyRootFilesystem, true)
  assert.deepEqual(
    Object.entries(annotations).flatMap(([key, value]) =>
      key.includes('agent-inject-perms-') && value !== '0400' ? [key] : [],
    ),
    [`${prefix}agent-inject-perms-n8n_runners_auth_token`],
  )
  // By this group it reads that file.
  assert.equal(worker?.spec?.securityContext?.fsGroup, 1000)
  const [plain] = templatesOf(before).flatMap(({ spec }) => spec?.initContainers ?? [])
  assert.equal(plain?.securityContext?.runAsUser, undefined)
})

test('a changed value, and another address, CA or auth path of Vault give new pods; the same settings do not', () => {
  const marks = (more: Record<string, string>) =>
    JSON.stringify(templatesOf(objectsOf(n8n, { ...vault, ...more })).map(({ metadata }) => metadata))
  assert.equal(marks({}), marks({}))
  for (const more of [
    { N8N_RUNNERS_AUTH_TOKEN: 'another-token' },
    { VAULT_ADDR: 'https://other.example.com' },
    { VAULT_CA: 'another' },
    { VAULT_AUTH_PATH: 'kubernetes-2' },
    { VAULT_NAMESPACE: 'team' },
  ])
    assert.notEqual(marks(more as unknown as Record<string, string>), marks({}), JSON.stringify(more))
})

test('no object has a value, in an annotation or elsewhere; without Vault all is as it was', () => {
  const text = JSON.stringify(after)
  for (const value of ['A-password-1', 'a-key-a-key', 'a-token-a-token'])
    for (const form of [value, Buffer.from(value).toString('base64')]) assert.ok(!text.includes(form), form)
  const plain = objectsOf(n8n, { SECRETS: 'kubernetes', VAULT_ADDR: 'https://vault.example.com:8200' })
  assert.deepEqual(JSON.parse(JSON.stringify(plain)), JSON.parse(JSON.stringify(before)))
  for (const one of templatesOf(plain)) assert.equal(one.spec?.serviceAccountName, undefined)
})

test('every value that a pod reads is among those the module keeps in Vault', () => {
  const fields = (after as Deployment[]).flatMap(({ spec }) =>
    Object.values(spec?.template?.metadata?.annotations ?? {}).flatMap(
      (value) => /\.Data\.data\.(\w+) /.exec(value)?.[1] ?? [],
    ),
  )
  const secret = before.find(({ kind }) => kind === 'Secret') as { data?: object } | undefined
  assert.deepEqual(
    [...new Set(fields)].filter((key) => !(key in (secret?.data ?? {}))),
    [],
  )
  assert.equal(namesOf(n8n).namespace('staging'), 'n8n-staging')
})

test('policies let the agents reach Vault, and an uninstall names what stays there', () => {
  const to = (more: Record<string, string>) =>
    JSON.stringify(n8n.flows(settingsOf(n8n, more) as never)).includes(
      '"host":"vault.example.com","port":8200',
    )
  assert.deepEqual([to(vault), to({})], [true, false])
  const stays = (more: Record<string, string>) => n8n.stays(settingsOf(n8n, more) as never).join('; ')
  assert.match(stays(vault), /values kv\/data\/keybuzz\/n8n-staging, role keybuzz-n8n-staging/)
  assert.ok(!stays({}).includes('Vault'))
})

test('an environment without a Vault is not asked where secrets are', () => {
  const setting: Setting | undefined = n8n.settings.find(({ key }) => key === 'SECRETS')
  const asked = (VAULT_ADDR: string | undefined) =>
    setting?.isAsked?.({ env: 'dev', text: (key) => (key === 'VAULT_ADDR' ? VAULT_ADDR : undefined) })
  assert.deepEqual([asked(undefined), asked('https://vault.example.com')], [false, true])
})

test('while n8n does not take its secrets from Vault, nothing of a Vault that is known can be wrong for it', () => {
  const known = {
    VAULT_ADDR: 'http://no-tls.example.com',
    VAULT_CA: 'no certificate',
    VAULT_ROLE_ID: 'only one',
  }
  const problems = (more: Record<string, string>) => {
    const resolved = resolve([...n8n.shared, ...n8n.settings], {
      env: 'staging',
      overrides: {},
      saved: { ...known, ...more },
      variables: {},
    })
    const ours = resolved.filter(({ setting }) => setting.key.startsWith('VAULT_'))
    const view = viewOf('staging', resolved)
    return {
      wrong: ours.filter(({ setting, text }) => problemWith(setting, text ?? '', view) !== undefined).length,
      asked: ours.filter(({ setting }) => setting.isAsked?.(view) !== false).length,
      together: n8n.validate(settingsOf(n8n, { ...known, ...more }) as never).length,
    }
  }
  assert.deepEqual(problems({ SECRETS: 'kubernetes' }), { wrong: 0, asked: 0, together: 0 })
  const { wrong, asked, together } = problems({ SECRETS: 'vault' })
  assert.ok(wrong >= 2 && asked > 3 && together === 1)
})
