import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { authorityProblem } from '../../../lib/base/certificate.mts'
import { credentialsFolder } from '../../../lib/base/files.mts'
import { changedFiles, savedSettings } from '../../../lib/settings/credentials.mts'
import { missing, resolve } from '../../../lib/settings/settings.mts'
import { n8n } from '../../../scripts/12_n8n/module.mts'
import { makeAuthority } from '../backends/authority.mts'

test('a CA is certificates in PEM form and nothing that pods must not read', () => {
  const { ca, key } = makeAuthority()
  assert.equal(authorityProblem(ca), undefined)
  assert.equal(authorityProblem(`issued by us\n${ca}\n${ca}`), undefined)
  assert.match(authorityProblem(ca + key) ?? '', /private key/)
  assert.match(authorityProblem('nothing') ?? '', /PEM form/)
  assert.match(authorityProblem(ca.replace('MII', 'AAA')) ?? '', /PEM form/)
  assert.match(authorityProblem(ca, new Date('2100-01-01')) ?? '', /ended on/)
})

test('the CA of a backend is a file all modules share, and is wanted with verify alone', () => {
  const env = 'tls-unit-test'
  const folder = credentialsFolder(env)
  const { ca } = makeAuthority()
  const wanted = (mode: string) =>
    missing(
      resolve(n8n.shared, {
        env,
        overrides: { POSTGRES_TLS: mode },
        saved: savedSettings(env, n8n),
        variables: {},
      }),
    ).map(({ key }) => key)
  try {
    assert.ok(!wanted('off').includes('POSTGRES_CA') && !wanted('require').includes('POSTGRES_CA'))
    assert.ok(wanted('verify').includes('POSTGRES_CA'))
    mkdirSync(folder, { recursive: true })
    writeFileSync(`${folder}/platform.postgres.ca`, ca, { mode: 0o600 })
    assert.equal(savedSettings(env, n8n)['POSTGRES_CA'], ca)
    assert.ok(!wanted('verify').includes('POSTGRES_CA'))
    const setting = n8n.shared.find(({ key }) => key === 'REDIS_CA')
    assert.ok(setting)
    const changed = changedFiles(env, n8n, [{ setting, text: ca, origin: 'adopted' }])
    assert.deepEqual([...changed.keys()], [`${folder}/platform.redis.ca`])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
