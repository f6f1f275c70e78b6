import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import type { Manifest } from '../../../../lib/kube/types.mts'
import { isPublic } from '../../../../scripts/10_keybuzz/in-vault.mts'
import { keybuzz } from '../../../../scripts/10_keybuzz/module.mts'
import {
  annotationsOf,
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

// The objects of API and front with SECRETS=vault, against those with Secrets.

const plain = {
  API_ENV: "STRIPE_KEY='sk-of-the-api'\nDSN='dsn-of-the-api'\nDEBUG=''\n",
  FRONT_ENV: "DSN='dsn-of-the-front'\n",
  API_MIGRATE: 'npm run migrate',
  API_UID: '1001',
  FRONT_UID: '1002',
}
const inVault = {
  ...plain,
  SECRETS: 'vault',
  VAULT_ADDR: 'https://vault.example.com:8200',
  API_ENTRYPOINT: 'docker-entrypoint.sh',
  API_COMMAND: 'node server.js',
  FRONT_COMMAND: 'node front.js --quiet',
}
const before = objectsOf(keybuzz, plain)
const after = objectsOf(keybuzz, inVault)
const role = 'keybuzz-keybuzz-staging'
const backends = [
  'api_postgres_password',
  'database_url',
  'rabbitmq_password',
  'rabbitmq_url',
  'redis_password',
  'redis_url',
]
const ofApi = [...backends, 'api__dsn', 'api__stripe_key']
const filesOf = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, `the value of ${name}`]))

test('every Secret goes, those of the operator’s files too; a service account comes', () => {
  assert.deepEqual(
    named(before).filter((one) => !named(after).includes(one)),
    [
      'Secret keybuzz-api',
      'Secret keybuzz-api-env',
      'Secret keybuzz-api-file',
      'Secret keybuzz-front-env',
      'Secret keybuzz-front-file',
    ],
  )
  assert.deepEqual(
    named(after).filter((one) => !named(before).includes(one)),
    ['ServiceAccount keybuzz'],
  )
  const labels = (objects: Manifest[]) =>
    objects.find(({ kind }) => kind === 'Namespace')?.metadata?.labels?.['keybuzz.io/vault-injection']
  assert.deepEqual([labels(before), labels(after)], [undefined, 'enabled'])
})

test('without Vault all is as it was, also where one is known, and what images start is not needed', () => {
  const known = objectsOf(keybuzz, { ...inVault, SECRETS: 'kubernetes' })
  assert.equal(JSON.stringify(known), JSON.stringify(before))
  assert.ok(!JSON.stringify(before).includes('vault'))
  for (const one of workloadsIn(before)) assert.equal(containerOf(one).command, undefined)
})

test('API, front and migration each get the files of their own values alone, as their own user', () => {
  assert.deepEqual(workloadsIn(after).map(nameIn), ['keybuzz-migrate', 'keybuzz-api', 'keybuzz-front'])
  for (const [name, files, user] of [
    ['keybuzz-migrate', ofApi, 1001],
    ['keybuzz-api', ofApi, 1001],
    ['keybuzz-front', ['front__dsn'], 1002],
  ] as const) {
    const one = findIn(after, name)
    assert.deepEqual(askedBy(one).toSorted(), [...files].toSorted())
    assertReadsNoSecret(one)
    assertInjected(one, { role, user })
  }
  const { 'vault.hashicorp.com/agent-inject-template-front__dsn': template } = annotationsOf(
    findIn(after, 'keybuzz-front'),
  )
  assert.equal(
    template,
    '{{- with secret "kv/data/keybuzz/keybuzz-staging" -}}{{ .Data.data.FRONT__DSN }}{{- end -}}',
  )
})

test('what is kept in Vault: passwords, addresses, both files, and each of their values by a key of its own', () => {
  const kept = keybuzz.secrets(settingsOf(keybuzz, inVault) as never)
  const values = Object.fromEntries(Object.entries(kept).map(([key, value]) => [key, value?.reveal()]))
  assert.deepEqual(Object.keys(values).toSorted(), [
    'API_ENV',
    'API_POSTGRES_PASSWORD',
    'API__DSN',
    'API__STRIPE_KEY',
    'DATABASE_URL',
    'FRONT_ENV',
    'FRONT__DSN',
    'RABBITMQ_PASSWORD',
    'RABBITMQ_URL',
    'REDIS_PASSWORD',
    'REDIS_URL',
  ])
  assert.deepEqual([values['API__DSN'], values['FRONT__DSN']], ['dsn-of-the-api', 'dsn-of-the-front'])
  assert.equal(values['API_ENV'], plain.API_ENV)
  const read = workloadsIn(after).flatMap(askedBy)
  assert.deepEqual(
    read.filter((file) => values[file.toUpperCase()] === undefined),
    [],
  )
})

test('a front without values of its own has no agent, and is started as its image says', () => {
  for (const FRONT_ENV of ['', "DEBUG=''\n"]) {
    const { FRONT_COMMAND: _gone, ...less } = inVault
    const one = findIn(objectsOf(keybuzz, { ...less, FRONT_ENV }), 'keybuzz-front')
    assert.deepEqual(askedBy(one), [])
    assert.equal(one.spec?.template.spec?.serviceAccountName, undefined)
    assert.equal(containerOf(one).command, undefined)
    assert.equal(containerOf(one).args, undefined)
    assertReadsNoSecret(one)
    assert.deepEqual(keybuzz.validate(settingsOf(keybuzz, { ...less, FRONT_ENV }) as never), [])
  }
})

for (const [name, words] of [
  ['keybuzz-api', 'WORDS node server.js'],
  ['keybuzz-migrate', 'WORDS npm run migrate'],
] as const)
  test(`${name}: a shell gives the image’s entrypoint its variables, and becomes it with its arguments`, () => {
    const one = containerOf(findIn(after, name))
    assert.equal(one.command?.at(-1), 'docker-entrypoint.sh')
    const { env, words: said } = started(one, filesOf(ofApi))
    for (const [variable, file] of [
      ['PGPASSWORD', 'api_postgres_password'],
      ['DATABASE_URL', 'database_url'],
      ['REDIS_URL', 'redis_url'],
      ['RABBITMQ_PASSWORD', 'rabbitmq_password'],
      ['STRIPE_KEY', 'api__stripe_key'],
      ['DSN', 'api__dsn'],
    ] as const)
      assert.match(env, new RegExp(`^${variable}=the value of ${file}$`, 'm'))
    assert.match(env, /^DEBUG=$/m)
    assert.doesNotMatch(env, /_FILE=/)
    assert.equal(said, words)
    const { api__dsn: _gone, ...less } = filesOf(ofApi)
    assert.equal(started(one, less).status, 1)
  })

test('an image without an entrypoint is started by its command', () => {
  const { env, words } = started(containerOf(findIn(after, 'keybuzz-front')), filesOf(['front__dsn']), false)
  assert.match(env, /^DSN=the value of front__dsn$/m)
  assert.equal(words, 'WORDS front.js --quiet')
})

test('a variable of the operator that ends in _FILE keeps its value beside the one it is named after', () => {
  const API_ENV = "TOKEN_FILE='/etc/token'\nREDIS_PASSWORD_FILE='/etc/redis'\nTOKEN='a-token'\n"
  const one = findIn(objectsOf(keybuzz, { ...inVault, API_ENV }), 'keybuzz-api')
  const { env } = started(containerOf(one), filesOf(askedBy(one)))
  for (const [variable, file] of [
    ['TOKEN', 'api__token'],
    ['TOKEN_FILE', 'api__token_file'],
    ['REDIS_PASSWORD', 'redis_password'],
    ['REDIS_PASSWORD_FILE', 'api__redis_password_file'],
  ] as const)
    assert.match(env, new RegExp(`^${variable}=the value of ${file}$`, 'm'))
})

test('what files of Vault cannot do is refused before anything is written', () => {
  const problems = (more: Record<string, string>, all: Record<string, string> = inVault) =>
    keybuzz.validate(settingsOf(keybuzz, { ...all, ...more }) as never)
  assert.deepEqual(problems({}), [])
  const { API_ENTRYPOINT: _entry, API_COMMAND: _command, FRONT_COMMAND: _front, ...bare } = inVault
  assert.match(problems({}, bare).join(), /set API_COMMAND to the CMD of its image.*set FRONT_COMMAND/)
  assert.deepEqual(problems({ API_ENTRYPOINT: 'node server.js', FRONT_COMMAND: 'node front.js' }, bare), [])
  assert.deepEqual(problems({ SECRETS: 'kubernetes' }, bare), [])
  const longest = `A${'B'.repeat(35)}`
  for (const [name, problem] of [
    [longest, /^$/],
    ['TOKEN_', /TOKEN_ in 10_keybuzz\.api\.env ends with _/],
    [`${longest}C`, /10_keybuzz\.api\.env has more than 36 characters/],
    ['UID', /UID in 10_keybuzz\.api\.env cannot be set by a shell/],
  ] as const) {
    const API_ENV = `${name}='a-value'\n`
    assert.match(problems({ API_ENV }).join(), problem)
    assert.deepEqual(problems({ API_ENV, SECRETS: 'kubernetes' }), [])
    assert.ok(!problems({ API_ENV }).join().includes('a-value'))
  }
  const front = { FRONT_ENV: `${longest}='a-value'\n` }
  assert.match(problems(front).join(), /10_keybuzz\.front\.env has more than 34 characters/)
  assert.match(problems({ VAULT_ROLE_ID: 'only-one' }).join(), /VAULT_ROLE_ID and VAULT_SECRET_ID/)
  assert.match(problems({ FRONT_HOST: 'api.example.com' }).join(), /are the same name/)
})

test('every file’s name fits into the longest annotation that is named after it', () => {
  const API_ENV = `A${'B'.repeat(35)}='x-value'\n`
  assertInjected(findIn(objectsOf(keybuzz, { ...inVault, API_ENV }), 'keybuzz-api'), { role, user: 1001 })
})

test('a changed value of a part gives that part new pods, and not the other one', () => {
  const mark = (name: string, more: Record<string, string>) =>
    JSON.stringify(annotationsOf(findIn(objectsOf(keybuzz, { ...inVault, ...more }), name)))
  for (const [more, changed] of [
    [{ API_ENV: plain.API_ENV.replace('sk-', 'sq-') }, 'keybuzz-api'],
    [{ REDIS_PASSWORD: 'another' }, 'keybuzz-api'],
    [{ FRONT_ENV: "DSN='another'\n" }, 'keybuzz-front'],
  ] as const)
    for (const name of ['keybuzz-api', 'keybuzz-front'])
      assert.equal(mark(name, more) !== mark(name, {}), name === changed, `${name} ${JSON.stringify(more)}`)
})

test('no object has a value', () => {
  const text = JSON.stringify(after)
  for (const value of ['A-password-1', 'sk-of-the-api', 'dsn-of-the-api', 'dsn-of-the-front'])
    for (const form of [value, Buffer.from(value).toString('base64')]) assert.ok(!text.includes(form), form)
})

test('of the operator’s values the check of copies leaves out what its name and form call public', () => {
  const is = (key: string, value: string) => isPublic(key, sensitive(value))
  assert.deepEqual(
    [is('API__LOG', 'production'), is('FRONT__MAIL', 'support@shop.example.com')],
    [true, true],
  )
  assert.deepEqual(
    [is('API__STRIPE', 'sk-live-0123456789'), is('API__PASSWORD', 'production')],
    [false, false],
  )
  // A value of the kit is never one, however it looks.
  assert.equal(is('API_POSTGRES_PASSWORD', 'production'), false)
  assert.equal(is('API_ENV', 'db.internal.example.com'), false)
})

test('policies let the agents reach Vault, with Vault alone, and an uninstall names what stays there', () => {
  const to = (more: Record<string, string>) =>
    JSON.stringify(keybuzz.flows(settingsOf(keybuzz, more) as never)).includes(
      '"host":"vault.example.com","port":8200',
    )
  assert.deepEqual([to(inVault), to(plain)], [true, false])
  const stays = (more: Record<string, string>) => keybuzz.stays(settingsOf(keybuzz, more) as never).join('; ')
  assert.match(stays(inVault), /values kv\/data\/keybuzz\/keybuzz-staging, role keybuzz-keybuzz-staging/)
  assert.ok(!stays(plain).includes('Vault'))
})
