import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ConfigMap, Manifest } from '../../../../lib/kube/types.mts'
import type { Module } from '../../../../lib/run/module.mts'
import { neverReplaced } from '../../../../lib/run/kept-secrets.mts'
import { superset } from '../../../../scripts/13_superset/module.mts'
import {
  askedBy,
  assertInjected,
  assertReadsNoSecret,
  containerOf,
  findIn,
  named,
  nameIn,
  workloadsIn,
} from '../../vault/delivered.mts'
import { started } from '../../vault/started.mts'
import { objectsOf } from '../../vault/world.mts'
import { settingsOf } from '../rendered.mts'
import { packages, runPython, withoutPython } from './python.mts'

// Superset's objects with SECRETS=vault, against those with Secrets.

const mail = {
  SMTP_HOST: 'mail.example.com',
  SMTP_FROM: 'charts@example.com',
  SMTP_USER: 'charts',
  SMTP_PASSWORD: 'the-mail-password',
  SUPERSET_UID: '1234',
}
const inVault = { ...mail, SECRETS: 'vault', VAULT_ADDR: 'https://vault.example.com:8200' }
const before = objectsOf(superset, mail)
const after = objectsOf(superset, inVault)
const configIn = (objects: Manifest[]): string =>
  (objects.find(({ kind }) => kind === 'ConfigMap') as ConfigMap).data?.['superset_config.py'] ?? ''

test('the Secret goes, a service account comes, and the namespace asks the injector', () => {
  const [with1, with2] = [named(before), named(after)]
  assert.deepEqual(
    with1.filter((one) => !with2.includes(one)),
    ['Secret superset'],
  )
  assert.deepEqual(
    with2.filter((one) => !with1.includes(one)),
    ['ServiceAccount superset'],
  )
  const labels = (objects: Manifest[]) =>
    objects.find(({ kind }) => kind === 'Namespace')?.metadata?.labels?.['keybuzz.io/vault-injection']
  assert.deepEqual([labels(before), labels(after)], [undefined, 'enabled'])
})

test('without Vault all is as it was, also where one is known', () => {
  const known = objectsOf(superset, { ...mail, SECRETS: 'kubernetes', VAULT_ADDR: inVault.VAULT_ADDR })
  assert.equal(JSON.stringify(known), JSON.stringify(before))
  assert.ok(!JSON.stringify(before).includes('vault'))
})

test('each process and Job gets the files of just the variables it had from the Secret, as its own user', () => {
  assert.deepEqual(workloadsIn(after).map(nameIn), [
    'superset-preflight',
    'superset-migrate',
    'superset',
    'superset-worker',
    'superset-beat',
  ])
  for (const one of workloadsIn(after)) {
    const earlier = containerOf(findIn(before, nameIn(one))).env ?? []
    const read = earlier.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef?.key.toLowerCase() ?? [])
    assert.deepEqual(askedBy(one).toSorted(), read.toSorted())
    assert.equal(read.includes('superset_admin_password'), nameIn(one) === 'superset-migrate')
    assertReadsNoSecret(one)
    assertInjected(one, { role: 'keybuzz-superset-staging', user: 1234 })
  }
})

test('every file is of a value that the module keeps in Vault', () => {
  const kept = Object.keys(superset.secrets(settingsOf(superset, inVault) as never))
  const files = new Set(workloadsIn(after).flatMap(askedBy))
  assert.deepEqual([...files].map((file) => file.toUpperCase()).toSorted(), kept.toSorted())
})

for (const [name, words] of [
  ['superset', /^WORDS --bind 0\.0\.0\.0:8088 /],
  ['superset-worker', /^WORDS --app=superset\.tasks\.celery_app:app worker /],
  ['superset-beat', /^WORDS --app=superset\.tasks\.celery_app:app beat /],
  ['superset-preflight', /^WORDS -c/],
  ['superset-migrate', /^WORDS -c set -e; superset db upgrade/],
] as const)
  test(`${name}: the shell before it gives it its variables and becomes it, with its arguments`, () => {
    const one = containerOf(findIn(after, name))
    const files = Object.fromEntries(
      askedBy(findIn(after, name)).map((file) => [file, `the value of ${file}`]),
    )
    const { env, words: said } = started(one, files, false)
    for (const [variable, file] of [
      ['POSTGRES_PASSWORD', 'superset_postgres_password'],
      ['REDIS_PASSWORD', 'redis_password'],
      ['SUPERSET_SECRET_KEY', 'superset_secret_key'],
      ['GUEST_TOKEN_JWT_SECRET', 'superset_guest_token_secret'],
      ['GLOBAL_ASYNC_QUERIES_JWT_SECRET', 'superset_async_token_secret'],
      name === 'superset-migrate'
        ? ['FLASK_FAB_CREATE_ADMIN_PASSWORD', 'superset_admin_password']
        : ['SMTP_PASSWORD', 'smtp_password'],
    ] as const)
      assert.match(env, new RegExp(`^${variable}=the value of ${file}$`, 'm'))
    assert.doesNotMatch(env, /_FILE=/)
    assert.match(said, words)
    const { superset_secret_key: _gone, ...less } = files
    assert.equal(started(one, less, false).status, 1)
  })

test(
  'a program beside them, by kubectl exec, loads the configuration with values of the files, as they are',
  { skip: withoutPython },
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'keybuzz-vault-'))
    const nasty = `%41@:/#?'" é\\$(X)&=+,;[]{}<>!~\` `
    try {
      const { env = [] } = containerOf(findIn(after, 'superset'))
      const variables = env.map(({ name, value = '' }) => [name, value.replace('/vault/secrets', folder)])
      for (const file of askedBy(findIn(after, 'superset')))
        writeFileSync(join(folder, file), file === 'superset_postgres_password' ? nasty : `of ${file}`)
      const load = (text: string) =>
        runPython(
          'import superset_config as c; print(c.SECRET_KEY, c.SMTP_PASSWORD, c.SQLALCHEMY_DATABASE_URI, sep="\\n")',
          { ...packages, 'superset_config.py': text.replaceAll('/vault/secrets', folder) },
          Object.fromEntries(variables) as Record<string, string>,
        )
      const { status, stdout, stderr } = load(configIn(after))
      assert.equal(status, 0, stderr)
      const [key, smtp, address = ''] = stdout.split('\n')
      assert.deepEqual([key, smtp], ['of superset_secret_key', 'of smtp_password'])
      assert.equal(decodeURIComponent(new URL(address).password), nasty)
      assert.match(load(configIn(before)).stderr, /KeyError/)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)

test('no object has a value', () => {
  const text = JSON.stringify(after)
  for (const value of ['the-mail-password', 'A-password-1', 'a-key-a-key', 'a-token-a-token'])
    for (const form of [value, Buffer.from(value).toString('base64')]) assert.ok(!text.includes(form), form)
})

test('its key is never replaced, in Vault or here; an uninstall names what stays in Vault', () => {
  assert.deepEqual(neverReplaced(superset as unknown as Module), ['SUPERSET_SECRET_KEY'])
  const stays = (more: Record<string, string>) =>
    superset.stays(settingsOf(superset, more) as never).join('\n')
  assert.match(stays(inVault), /values kv\/data\/keybuzz\/superset-staging, role keybuzz-superset-staging/)
  assert.ok(!stays(mail).includes('Vault'))
})

test('policies let the agents of all pods reach Vault, with Vault alone', () => {
  const to = (more: Record<string, string>) =>
    superset
      .flows(settingsOf(superset, more) as never)
      .some((flow) => JSON.stringify(flow).includes('"host":"vault.example.com","port":8200'))
  assert.deepEqual([to(inVault), to(mail)], [true, false])
})

test('what is wrong with several settings of Vault is said, and the rule of reports too', () => {
  const problems = (more: Record<string, string>, all: Record<string, string> = inVault) =>
    superset.validate(settingsOf(superset, { ...all, ...more }) as never)
  assert.deepEqual(problems({}), [])
  assert.match(problems({ VAULT_ROLE_ID: 'only-one' }).join(), /VAULT_ROLE_ID and VAULT_SECRET_ID/)
  assert.deepEqual(problems({ VAULT_ROLE_ID: 'only-one', SECRETS: 'kubernetes' }), [])
  assert.match(problems({ SUPERSET_REPORTS: 'true' }, { SECRETS: 'kubernetes' }).join(), /SMTP_HOST is empty/)
})
