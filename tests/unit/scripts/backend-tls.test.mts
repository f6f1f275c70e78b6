import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Secret } from '../../../lib/kube/types.mts'
import { problemsOfFile } from '../../../scripts/10_keybuzz/env-files.mts'
import { n8n } from '../../../scripts/12_n8n/module.mts'
import type { N8nSettings } from '../../../scripts/12_n8n/settings.mts'
import { makeAuthority } from '../backends/authority.mts'
import { applications, environmentOf, podsOf, rendered, settingsOf } from './rendered.mts'

// How the settings of TLS reach pods: each application by its own variables, the CAs as files nobody can write.

const { ca } = makeAuthority()
const all = (mode: string): Record<string, string> =>
  Object.fromEntries(
    ['POSTGRES', 'REDIS', 'RABBITMQ'].flatMap((one) => [
      [`${one}_TLS`, mode],
      [`${one}_CA`, ca],
    ]),
  )

/** The first container of a module that works with the backends. */
function workingEnvironment(module: string, mode: string): Record<string, string> {
  const manifests = rendered[module]?.(all(mode)) ?? []
  const [pod] = podsOf(manifests)
  assert.ok(pod?.containers[0])
  return environmentOf(pod.containers[0], manifests)
}

const tlsWords = /SSL|TLS|_CA$|NODE_EXTRA/
const folder = '/etc/keybuzz/backends'

for (const module of Object.keys(applications)) {
  test(`${module}: without TLS nothing about it is said, and no CA is mounted`, () => {
    const environment = workingEnvironment(module, 'off')
    assert.deepEqual(
      Object.keys(environment).filter((name) => tlsWords.test(name) && !/^(FORCE_SSL|N8N_|SMTP)/.test(name)),
      [],
    )
    assert.ok(!JSON.stringify(rendered[module]?.(all('off'))).includes('backend-cas'))
    assert.ok(!JSON.stringify(rendered[module]?.(all('require'))).includes('backend-cas'))
  })

  test(`${module}: with verify every pod that talks to a backend has the CAs as files, read-only`, () => {
    const manifests = rendered[module]?.(all('verify')) ?? []
    const secret = manifests.find(({ metadata }) => metadata?.name === 'backend-cas') as Secret
    assert.equal(Buffer.from(secret.data?.['POSTGRES_CA'] ?? '', 'base64').toString(), ca)
    let mounting = 0
    for (const { containers, volumes = [] } of podsOf(manifests)) {
      for (const { name, volumeMounts = [] } of containers) {
        // These ask no backend.
        if (['front', 'runner', 'checks', 'qdrant', 'embedder'].includes(name)) continue
        mounting += 1
        assert.ok(volumes.some((one) => one.secret?.secretName === 'backend-cas'))
        const mount = volumeMounts.find(({ mountPath }) => mountPath === folder)
        assert.equal(mount?.readOnly, true)
        assert.equal(mount.name, 'backend-cas')
      }
    }
    assert.ok(mounting >= 2)
    // Every path that is said is a file of the Secret.
    const paths = Object.values(workingEnvironment(module, 'verify')).flatMap(
      (value) => value.match(/\/etc\/keybuzz\/backends\/\w+/g) ?? [],
    )
    assert.ok(paths.length > 0)
    for (const path of paths) assert.ok(secret.data?.[path.slice(folder.length + 1)] !== undefined, path)
  })

  test(`${module}: another CA restarts its pods`, () => {
    const checksum = (more: Record<string, string>) =>
      JSON.stringify(rendered[module]?.(more)).match(/"keybuzz.io\/checksum":"\w+"/)?.[0]
    const other = { ...all('verify'), REDIS_CA: makeAuthority().ca }
    assert.notEqual(checksum(all('verify')), checksum(other))
  })
}

test('KeyBuzz: addresses and variables say how', () => {
  const require = workingEnvironment('keybuzz', 'require')
  assert.match(require['DATABASE_URL'] ?? '', /\?sslmode=require$/)
  assert.match(require['REDIS_URL'] ?? '', /^rediss:/)
  assert.match(require['RABBITMQ_URL'] ?? '', /^amqps:/)
  assert.equal(require['PGSSLMODE'], 'require')
  assert.equal(require['REDIS_TLS'], 'require')
  const verify = workingEnvironment('keybuzz', 'verify')
  assert.match(
    verify['DATABASE_URL'] ?? '',
    /\?sslmode=verify-full&sslrootcert=\/etc\/keybuzz\/backends\/POSTGRES_CA$/,
  )
  assert.equal(verify['PGSSLMODE'], 'verify-full')
  assert.equal(verify['RABBITMQ_CA'], `${folder}/RABBITMQ_CA`)
  assert.equal(verify['NODE_EXTRA_CA_CERTS'], `${folder}/ALL_CAS`)
})

test('KeyBuzz: what the kit gives with TLS alone may stand in the operator’s own file without it', () => {
  const given = (mode: string) => ({
    env: 'staging',
    text: (key: string) => (key === 'POSTGRES_TLS' ? mode : undefined),
  })
  const rule = problemsOfFile('10_keybuzz.api.env')
  assert.equal(rule(`PGSSLMODE='require'\n`, given('off')), undefined)
  assert.match(rule(`PGSSLMODE='require'\n`, given('verify')) ?? '', /line 1: PGSSLMODE is given by the kit/)
})

test('Chatwoot: libpq’s variables, rediss, and its own word for a certificate that is not verified', () => {
  const require = workingEnvironment('chatwoot', 'require')
  assert.equal(require['PGSSLMODE'], 'require')
  assert.equal(require['REDIS_OPENSSL_VERIFY_MODE'], 'none')
  assert.match(require['REDIS_URL'] ?? '', /^rediss:\/\/redis\.example\.com/)
  const verify = workingEnvironment('chatwoot', 'verify')
  assert.equal(verify['PGSSLMODE'], 'verify-full')
  assert.equal(verify['PGSSLROOTCERT'], `${folder}/POSTGRES_CA`)
  assert.equal(verify['REDIS_OPENSSL_VERIFY_MODE'], undefined)
  assert.equal(verify['SSL_CERT_FILE'], `${folder}/REDIS_CA`)
})

test('n8n: its own variables; what it verifies by, Node knows', () => {
  const require = workingEnvironment('n8n', 'require')
  assert.equal(require['DB_POSTGRESDB_SSL_ENABLED'], 'true')
  assert.equal(require['DB_POSTGRESDB_SSL_REJECT_UNAUTHORIZED'], 'false')
  assert.equal(require['QUEUE_BULL_REDIS_TLS'], 'true')
  assert.equal(require['QUEUE_BULL_REDIS_TLS_VALIDATE_CERTIFICATE'], 'false')
  const verify = workingEnvironment('n8n', 'verify')
  assert.equal(verify['DB_POSTGRESDB_SSL_REJECT_UNAUTHORIZED'], 'true')
  assert.equal(verify['DB_POSTGRESDB_SSL_CA_FILE'], `${folder}/POSTGRES_CA`)
  assert.equal(verify['QUEUE_BULL_REDIS_TLS_VALIDATE_CERTIFICATE'], 'true')
  assert.equal(verify['NODE_EXTRA_CA_CERTS'], `${folder}/REDIS_CA`)
})

test('Superset: in its own addresses only, never in libpq’s variables, which its users’ databases would get too', () => {
  const require = workingEnvironment('superset', 'require')
  assert.equal(require['POSTGRES_SSLMODE'], 'require')
  assert.equal(require['REDIS_SSL_CERT_REQS'], 'none')
  const verify = workingEnvironment('superset', 'verify')
  assert.equal(verify['POSTGRES_SSLMODE'], 'verify-full')
  assert.equal(verify['POSTGRES_SSLROOTCERT'], `${folder}/POSTGRES_CA`)
  assert.equal(verify['REDIS_SSL_CERT_REQS'], 'required')
  assert.equal(verify['REDIS_SSL_CA_CERTS'], `${folder}/REDIS_CA`)
  assert.deepEqual(
    Object.keys(verify).filter((name) => /^PG|^SSL_/.test(name)),
    [],
  )
})

test('n8n: verify wants a name, because its client compares an address with localhost', () => {
  const problems = (more: Record<string, string>) =>
    n8n.validate(settingsOf(n8n, { ...all('verify'), ...more }) as N8nSettings)
  assert.deepEqual(problems({}), [])
  assert.match(problems({ POSTGRES_HOST: '192.0.2.10' })[0] ?? '', /POSTGRES_HOST must be a name/)
})
