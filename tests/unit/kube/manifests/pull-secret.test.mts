import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pullSecretName, pullSecrets } from '../../../../lib/kube/manifests/pull-secret.mts'
import { redact, sensitive } from '../../../../lib/base/sensitive.mts'
import { isRegistry } from '../../../../lib/settings/validators.mts'

const settings = {
  REGISTRY_SERVER: 'registry.example.com:5000',
  REGISTRY_USER: 'puller',
  REGISTRY_PASSWORD: sensitive('s3cret-"token"'),
}

test('the pull Secret is what the kubelet reads: server, account and both together', () => {
  const [secret] = pullSecrets('keybuzz-dev', settings)
  assert.equal(secret?.type, 'kubernetes.io/dockerconfigjson')
  assert.deepEqual(secret?.metadata, { namespace: 'keybuzz-dev', name: pullSecretName(settings) })
  const text = Buffer.from(secret?.data?.['.dockerconfigjson'] ?? '', 'base64').toString()
  assert.deepEqual(JSON.parse(text), {
    auths: {
      'registry.example.com:5000': {
        username: 'puller',
        password: 's3cret-"token"',
        auth: Buffer.from('puller:s3cret-"token"').toString('base64'),
      },
    },
  })
})

test('without a registry there is no pull Secret, and pods name none', () => {
  assert.deepEqual(pullSecrets('keybuzz-dev', {}), [])
  assert.equal(pullSecretName({}), undefined)
})

test('nothing of the pull Secret is seen in a text it got into', () => {
  const [secret] = pullSecrets('keybuzz-dev', settings)
  const data = secret?.data?.['.dockerconfigjson'] ?? ''
  assert.equal(redact(`a ${data} b`), 'a *** b')
  const { auth } = JSON.parse(Buffer.from(data, 'base64').toString()).auths['registry.example.com:5000']
  assert.equal(redact(`a ${auth} b`), 'a *** b')
})

test('a registry is a host, with a port or without', () => {
  for (const right of ['ghcr.io', '192.0.2.5:5000', 'localhost', 'registry.example.com:443'])
    assert.equal(isRegistry(right), undefined, right)
  for (const wrong of ['https://ghcr.io', 'ghcr.io/team', 'ghcr.io:99999', 'GHCR.IO'])
    assert.match(isRegistry(wrong) ?? '', /host:port/, wrong)
})
