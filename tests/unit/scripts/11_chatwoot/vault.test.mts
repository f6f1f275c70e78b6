import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chatwoot } from '../../../../scripts/11_chatwoot/module.mts'
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

// Chatwoot's objects with SECRETS=vault, against those with Secrets.

const s3 = { S3_ENDPOINT: 'https://s3.example.com', S3_ACCESS_KEY: 'account', S3_SECRET_KEY: 'the-s3-key' }
const mail = {
  SMTP_HOST: 'mail.example.com',
  SMTP_FROM: 'help@example.com',
  SMTP_USER: 'help',
  SMTP_PASSWORD: 'the-mail-password',
}
const plain = { ...s3, ...mail }
const inVault = { ...plain, SECRETS: 'vault', VAULT_ADDR: 'https://vault.example.com:8200' }
const before = objectsOf(chatwoot, plain)
const after = objectsOf(chatwoot, inVault)
test('the Secret goes, a service account comes', () => {
  const [with1, with2] = [named(before), named(after)]
  assert.deepEqual(
    with1.filter((one) => !with2.includes(one)),
    ['Secret chatwoot'],
  )
  assert.deepEqual(
    with2.filter((one) => !with1.includes(one)),
    ['ServiceAccount chatwoot'],
  )
})

test('each process and Job gets the files of just the variables it had from the Secret', () => {
  const all = workloadsIn(after)
  assert.deepEqual(all.map(nameIn), [
    'chatwoot-prepare',
    'chatwoot-super-admin',
    'chatwoot-branding',
    'chatwoot-web',
    'chatwoot-worker',
  ])
  for (const [at, one] of all.entries()) {
    const earlier = containerOf(findIn(before, nameIn(one))).env ?? []
    const read = earlier.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef?.key.toLowerCase() ?? [])
    assert.deepEqual(askedBy(one).toSorted(), read.toSorted())
    assert.equal(read.includes('chatwoot_admin_password'), at === 1)
    assertReadsNoSecret(one)
    assertInjected(one, { role: 'keybuzz-chatwoot-staging', user: 1000 })
  }
})

test('the shell before Rails gives it its variables and becomes it, with its arguments', () => {
  const web = findIn(after, 'chatwoot-web')
  const files = Object.fromEntries(askedBy(web).map((name) => [name, `the value of ${name}`]))
  const { env, words } = started(containerOf(web), files, false)
  for (const [variable, file] of [
    ['SECRET_KEY_BASE', 'chatwoot_secret_key_base'],
    ['POSTGRES_PASSWORD', 'chatwoot_postgres_password'],
    ['REDIS_PASSWORD', 'redis_password'],
    ['STORAGE_SECRET_ACCESS_KEY', 's3_secret_key'],
    ['SMTP_PASSWORD', 'smtp_password'],
  ] as const)
    assert.match(env, new RegExp(`^${variable}=the value of ${file}$`, 'm'))
  assert.equal(words, 'WORDS exec rails s -p 3000 -b 0.0.0.0')
  const { redis_password: _gone, ...less } = files
  assert.equal(started(containerOf(web), less, false).status, 1)
})

test('no object has a value', () => {
  const text = JSON.stringify(after)
  for (const value of ['the-s3-key', 'the-mail-password', 'A-password-1', 'a-key-a-key'])
    for (const form of [value, Buffer.from(value).toString('base64')]) assert.ok(!text.includes(form), form)
})

test('as root it cannot take them from Vault, which is said before anything is written', () => {
  const problems = (more: Record<string, string>) =>
    chatwoot.validate(settingsOf(chatwoot, { ...inVault, ...more }) as never)
  assert.deepEqual(problems({}), [])
  assert.match(problems({ CHATWOOT_ROOT: 'true' }).join(), /CHATWOOT_ROOT and SECRETS=vault exclude/)
  assert.deepEqual(problems({ CHATWOOT_ROOT: 'true', SECRETS: 'kubernetes' }), [])
})

test('an uninstall names what stays in Vault', () => {
  assert.match(
    chatwoot.stays(settingsOf(chatwoot, inVault) as never).join('\n'),
    /values kv\/data\/keybuzz\/chatwoot-staging/,
  )
})
