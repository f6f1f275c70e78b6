import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { manifestYaml } from '../../../lib/kube/apply/plan-text.mts'
import { nameOf, type Manifest, type Secret } from '../../../lib/kube/types.mts'
import type { Setting } from '../../../lib/settings/settings.mts'
import { modules } from '../../../scripts/modules.mjs'
import { all, rendered } from './rendered.mts'

// Where secret values are, over every object of every application: in Secrets, as they are, and nowhere else.

/** Every printable character. */
const printable = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join('')

/** What makes every optional secret of every module apply. */
const more = {
  REGISTRY_SERVER: 'registry.example.com',
  REGISTRY_USER: 'puller',
  S3_ENDPOINT: 'https://s3.example.com',
  S3_ACCESS_KEY: 'key',
  CHATWOOT_S3_BUCKET: 'bucket',
  SMTP_HOST: 'mail.example.com',
  SMTP_FROM: 'ops@example.com',
  SMTP_USER: 'mail',
  TLS_MODE: 'files',
}
/** Values inside the operator's own files, which modules give to pods one by one. */
const inFiles = { API_ENV: 'STRIPE_KEY', FRONT_ENV: 'ANALYTICS_KEY', KEYS_ENV: 'OPENAI_API_KEY' }

const isSecret = ({ key, kind }: Setting): boolean => kind === 'sensitive' || key.endsWith('TLS_KEY')

/** The forms in which a value may stand in text. */
const formsOf = (value: string): string[] => {
  const encoded = encodeURIComponent(value)
  const base64 = Buffer.from(value).toString('base64')
  return [value, JSON.stringify(value).slice(1, -1), encoded, encoded.replaceAll('%20', '+'), base64]
}

const holds = (text: string, value: string): boolean => formsOf(value).some((form) => text.includes(form))
const textOf = (one: Manifest): string => JSON.stringify(one)
/** What is in a Secret, by its keys, decoded. */
const contentOf = (one: Secret): [string, string][] =>
  Object.entries(one.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()])

for (const [word, module] of Object.entries(all)) {
  const secrets = [...module.shared, ...module.settings].filter(isSecret).map(({ key }) => key)
  const values = Object.fromEntries(secrets.map((key) => [key, `Aa1-${key}-${printable}`]))
  const ofFiles = Object.fromEntries(Object.values(inFiles).map((name) => [name, `a-value-of-${name}`]))
  const files = Object.fromEntries(
    Object.entries(inFiles).map(([key, name]) => [key, `${name}='${ofFiles[name]}'\n`]),
  )
  const certificates = Object.fromEntries(
    module.settings.filter(({ key }) => key.endsWith('TLS_CRT')).map(({ key }) => [key, `${key} is public`]),
  )
  const manifests = rendered[word]?.({ ...more, ...certificates, ...files, ...values }) ?? []
  const isKindSecret = (one: Manifest): boolean => one.kind === 'Secret'
  const held = manifests.filter(isKindSecret).flatMap((one) => contentOf(one as Secret))

  test(`${word}: no object but a Secret holds a secret value, in any form`, () => {
    assert.ok(secrets.length >= 3)
    for (const one of manifests.filter((each) => !isKindSecret(each)))
      for (const [key, value] of Object.entries({ ...values, ...ofFiles }))
        assert.ok(!holds(textOf(one), value), `${nameOf(one)} holds ${key}`)
  })

  test(`${word}: every secret of its own is in a Secret under its key, as it is: a lost settings file is filled again`, () => {
    const lasting = module.settings.filter((one) => isSecret(one) && one.transient !== true)
    for (const { key } of lasting)
      assert.ok(
        held.some(([name, value]) => name === key && value === values[key]),
        key,
      )
  })

  test(`${word}: the password of PostgreSQL’s superuser is in no object`, () => {
    const { POSTGRES_PASSWORD: superuser } = values
    if (superuser === undefined) return
    for (const [key, value] of held) assert.ok(!holds(value, superuser), key)
  })

  test(`${word}: a plan of it shows no secret value, and reads back as the object it is of`, () => {
    for (const one of manifests) {
      const yaml = manifestYaml(one)
      for (const [key, value] of Object.entries({ ...values, ...ofFiles }))
        assert.ok(!holds(yaml, value), `${nameOf(one)} shows ${key}`)
      assert.equal((parse(yaml) as Manifest).metadata?.name, one.metadata?.name)
    }
  })
}

test('every application of the kit is asked', () => {
  const built = modules.filter(({ state }) => state !== 'nodes').map(({ slug }) => slug)
  assert.deepEqual(Object.keys(all).toSorted(), built.toSorted())
})
