import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { modules } from '../../scripts/modules.mjs'
import { certificateProblem, keyProblem } from '../../lib/base/certificate.mts'
import { exitCodes } from '../../lib/base/errors.mts'
import { root } from '../../lib/base/files.mts'
import { folderOf } from '../../lib/base/names.mts'
import { redact } from '../../lib/base/sensitive.mts'
import { ownerIn } from '../../lib/backends/redis-login.mts'
import { hostKeysIn } from '../../lib/hosts/known-hosts.mts'
import { clusterServers, parseServers } from '../../lib/hosts/servers.mts'
import { parseIdentity } from '../../lib/kube/cluster.mts'
import { requireFittingKubectl } from '../../lib/kube/find-kubectl.mts'
import { daysLeft, parseKubeconfig } from '../../lib/kube/kubeconfig.mts'
import type { Kubectl } from '../../lib/kube/kubectl.mts'
import type { Module } from '../../lib/run/module.mts'
import { parseEnvFile } from '../../lib/settings/env-file.mts'
import { lostSettings } from '../../lib/settings/recorded.mts'
import { problemWith, type Resolved } from '../../lib/settings/settings.mts'
import { chooseImages, parseVersions } from '../../lib/settings/versions.mts'
import { holderOf, isHeld, leaseFor, leaseIn, processOf, released, renewed } from '../../lib/state/lease.mts'
import { unprovenKeys } from '../../lib/state/kept-keys.mts'
import { decodeAll, encode } from '../../lib/state/revision-store.mts'
import type { Revision } from '../../lib/state/revision.mts'
import { anyValue, damaged, damagedText } from './generated.mts'
import { documents, neverABug, random } from './never-a-bug.mts'

// Every file from outside ends in its value, or in an error of exit 2 with the file's name: never in "a bug of the kit".

const pem = readFileSync(join(root, 'tests/fixtures/expired.pem'), 'utf8')
const key = execFileSync('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout'], {
  encoding: 'utf8',
})
const base64 = (text: string) => Buffer.from(text).toString('base64')

const kubeconfig = {
  apiVersion: 'v1',
  'current-context': 'kb-dev',
  clusters: ['kb-dev', 'kb-dev-2'].map((name, at) => ({
    name,
    cluster: {
      server: `https://192.0.2.1${at}:6443/k8s/clusters/c-m-1`,
      'certificate-authority-data': base64(pem),
      'tls-server-name': 'api.example.com',
      'proxy-url': 'socks5://192.0.2.9:1080',
    },
  })),
  contexts: ['kb-dev', 'kb-dev-2'].map((name) => ({ name, context: { cluster: name, user: 'admin' } })),
  users: [
    { name: 'admin', user: { 'client-certificate-data': base64(pem) } },
    {
      name: 'cloud',
      user: {
        exec: {
          apiVersion: 'client.authentication.k8s.io/v1',
          command: 'aws',
          args: ['eks', 'get-token'],
          env: [{ name: 'AWS_PROFILE', value: 'x' }],
          interactiveMode: 'IfAvailable',
        },
      },
    },
  ],
}
documents(
  'a kubeconfig',
  'credentials/dev/kubeconfig',
  kubeconfig,
  (value) => stringify(value),
  (text) => daysLeft(parseKubeconfig('credentials/dev/kubeconfig', text), new Date()),
)

const versions = JSON.parse(readFileSync(join(root, 'versions.json'), 'utf8')) as Record<string, unknown>
documents(
  'versions.json',
  'versions.json',
  versions,
  (value) => JSON.stringify(value),
  (text) => {
    chooseImages(['n8n'], parseVersions('versions.json', text), {}, false)
  },
)

const servers = readFileSync(join(root, 'servers.example.tsv'), 'utf8')
test('servers.tsv: any text is read or refused by its name, exit 2', async () => {
  let given = servers
  const read = () => {
    given = damagedText(random, servers)
    return clusterServers(parseServers('servers.tsv', given), 'prod')
  }
  await neverABug('servers.tsv', exitCodes.usage, read, () => given)
})

test('a settings file: any text is read or refused by its name, exit 2', async () => {
  let given = ''
  const read = () => {
    given = damagedText(random, "A='1'\r\n# comment\nPASSWORD=`it's`\nHOST='db.example.com'\n")
    return parseEnvFile('dev/platform.env', given)
  }
  await neverABug('dev/platform.env', exitCodes.usage, read, () => given)
})

test('cluster.env: any text is read whole or refused by its name, exit 2', async () => {
  const valid = "CLUSTER_UID='0a1b'\nCLUSTER_CA_SHA256='2c3d'\n"
  assert.deepEqual(parseIdentity('cluster.env', valid), { uid: '0a1b', ca: '2c3d' })
  assert.throws(() => parseIdentity('cluster.env', "CLUSTER_UID='0a1b'\n"), {
    exitCode: exitCodes.usage,
    message: 'cluster.env: CLUSTER_CA_SHA256 is missing',
  })
  let given = ''
  const read = () => parseIdentity('cluster.env', (given = damagedText(random, valid)))
  await neverABug('cluster.env', exitCodes.usage, read, () => given)
})

for (const row of modules) {
  test(`settings of module ${row.number}: no value of any of them breaks its rule`, async () => {
    const path = join(root, 'scripts', folderOf(row), 'module.mts')
    const found = Object.values((await import(path)) as object).find(
      (one): one is Module => 'settings' in Object(one),
    )
    const settings = [...(found?.shared ?? []), ...(found?.settings ?? [])]
    assert.ok(settings.length > 0)
    let given = {}
    const read = () => {
      const setting = random.pick(settings)
      const value = random.pick([
        String(anyValue(random, 0)),
        damagedText(random, '192.0.2.0/24,db.example.com:5432'),
        damagedText(random, pem),
        damagedText(random, "A='1'\n"),
      ])
      given = { key: setting.key, value }
      return problemWith(setting, value, {
        env: 'dev',
        text: () => random.pick([undefined, '', value, 'true']),
      })
    }
    await neverABug('', exitCodes.usage, read, () => given)
  })
}

test('known_hosts, certificates, keys and claims in Redis: any text is read', async () => {
  const line = '192.0.2.1,[k8s-1]:2222,!*.x,|1|c2FsdA==|aGFzaA== ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\n'
  let given = ''
  await neverABug(
    '',
    -1,
    () => {
      given = damagedText(
        random,
        random.pick([line, pem, key, JSON.stringify({ owner: 'dev/12_n8n', cluster: 'a' })]),
      )
      if (random.next() < 0.3) given = JSON.stringify(anyValue(random))
      hostKeysIn(given, '192.0.2.1', 22)
      certificateProblem(given, 'example.com')
      keyProblem(given, pem)
      assert.equal(typeof (ownerIn(given) ?? ''), 'string')
    },
    () => given,
  )
})

const revision: Revision = {
  number: 3,
  module: '12_n8n',
  env: 'dev',
  state: 'validated',
  who: 'root@admin',
  when: '2026-11-23T10:00:00.000Z',
  kit: '0.1.0',
  images: { n8n: 'n8n:2' },
  tested: { when: '2026-11-23T10:00:00.000Z', checks: 14, failed: 0 },
  passed: { when: '2026-11-23T10:00:00.000Z', checks: 14 },
  drills: { node: '2026-11-23T10:00:00.000Z' },
  begun: ['Job n8n-dev/x'],
  madeWith: {
    values: { N8N_HOST: 'n8n.example.com', N8N_REDIS_DB: '1' },
    secrets: ['N8N_ENCRYPTION_KEY'],
    kept: { N8N_ENCRYPTION_KEY: '1f0c22ab.9d01' },
  },
  manifests: [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'n8n', namespace: 'n8n-dev', labels: { a: '' } } },
  ],
}

/** Settings of a run, some of which have no value of their own. */
const resolvedOf = (chance: typeof random): Resolved[] =>
  ['N8N_HOST', 'N8N_REDIS_DB', 'N8N_ENCRYPTION_KEY', '__proto__'].map((name) => ({
    setting: { key: name, title: name, kind: name.endsWith('KEY') ? 'sensitive' : 'text' },
    text: chance.pick([undefined, '', 'x']),
    origin: chance.pick([undefined, 'default', 'generated', 'saved'] as const),
  }))

test('a revision in the cluster: any Secret is a whole revision, or named as damaged', async () => {
  const { head } = encode(revision)
  const { manifests: _manifests, ...meta } = revision
  let given: unknown
  await neverABug(
    '',
    -1,
    () => {
      const bytes = (value: unknown) => base64(JSON.stringify(value))
      const data =
        random.next() < 0.5
          ? damaged(random, head.data)
          : { ...head.data, meta: bytes(damaged(random, meta)) }
      given = { ...head, data }
      const { revisions, damaged: bad } = decodeAll([given as never])
      assert.equal(revisions.length + bad.length, 1)
      for (const one of revisions) {
        encode(one)
        if (one.madeWith !== undefined) lostSettings(one.madeWith, () => resolvedOf(random))
      }
      unprovenKeys(revisions, { values: { N8N_ENCRYPTION_KEY: 'live' }, since: {} }, () => '1f0c22ab.0000')
    },
    () => given,
  )
})

test('a Lease in the cluster: any spec is read, and one without a duration can be taken over', async () => {
  const lease = leaseFor(undefined, 'root@admin', undefined)
  let given: unknown
  await neverABug(
    '',
    -1,
    () => {
      // Types are the API server's to keep; which fields there are is not.
      given = {
        ...lease,
        spec: Object.fromEntries(Object.entries(lease.spec).filter(() => random.next() < 0.6)),
      }
      const read = leaseIn(given as never)
      assert.ok(read !== undefined && read.spec.leaseDurationSeconds > 0)
      holderOf(read)
      isHeld(read)
      processOf(read)
      leaseFor(released(renewed(read)), 'other', undefined)
    },
    () => given,
  )
})

const kubectlVersion = {
  clientVersion: { major: '1', minor: '36', gitVersion: 'v1.36.1' },
  serverVersion: { major: '1', minor: '36+', gitVersion: 'v1.36.3+k3s1' },
}
test('what kubectl says of its version: any shape is exit 3 or an answer', async () => {
  let given: unknown
  const read = () => {
    given = damaged(random, kubectlVersion)
    return requireFittingKubectl({
      words: ['kubectl'],
      run: () => Promise.resolve(JSON.stringify(given)),
    } as unknown as Kubectl)
  }
  await neverABug('kubectl', exitCodes.preflight, read, () => given)
})

for (const [what, text, message] of [
  ['null', 'null', /versions\.json: is null, not a map/],
  ['a string', '"n8n"', /versions\.json: is text, not a map/],
  ['an entry that is null', '{"n8n": null}', /versions\.json: n8n is null, not a map/],
  [
    '"Image" with a capital',
    '{"n8n": {"version": "2", "Image": "n8n:2"}}',
    /n8n\.Image is not known there: did you mean image\?/,
  ],
  ['a number for a version', '{"n8n": {"version": 2}}', /n8n\.version is a number, not text/],
  ['an entry without its image', '{"n8n": {"version": "2"}}', /n8n\.image is missing/],
] as const) {
  test(`versions.json with ${what}: exit 2 with its field`, () => {
    assert.throws(() => chooseImages(['n8n'], parseVersions('versions.json', text), {}, false), {
      exitCode: exitCodes.usage,
      message,
    })
  })
}

test('versions.json with a byte order mark is read', () => {
  assert.deepEqual(parseVersions('versions.json', '\uFEFF{"n8n": {"version": "2"}}'), {
    n8n: { version: '2' },
  })
})

test('what kubectl config view has cut out of a kubeconfig is named with its field and the way to have it', () => {
  const [way] = kubeconfig.users
  for (const [field, value] of [
    ['client-certificate-data', 'DATA+OMITTED'],
    ['client-key-data', 'REDACTED'],
  ] as const) {
    const text = stringify({ ...kubeconfig, users: [{ ...way, user: { ...way?.user, [field]: value } }] })
    assert.throws(() => parseKubeconfig('kubeconfig', text), {
      exitCode: exitCodes.usage,
      message: new RegExp(`^kubeconfig is not a usable kubeconfig: ${field} of user admin .*--raw`),
    })
  }
})

for (const [what, change, message] of [
  ['a null entry', { users: [null] }, /users\[0\] is null, not a map/],
  ['a map for a list', { contexts: {} }, /contexts is a map, not a list/],
] as const) {
  test(`a kubeconfig with ${what}: exit 2 with its field`, () => {
    const text = stringify({ ...kubeconfig, ...change })
    assert.throws(() => parseKubeconfig('kubeconfig', text), { exitCode: exitCodes.usage, message })
  })
}

test('what opens a cluster is hidden from then on that its kubeconfig was read', () => {
  const user = { token: 'planted-token-1', password: 'planted-password-1', 'client-key-data': base64(key) }
  parseKubeconfig('kubeconfig', stringify({ ...kubeconfig, users: [{ name: 'other', user }] }))
  for (const secret of ['planted-token-1', 'planted-password-1', base64(key)])
    assert.equal(redact(`it said ${secret}`), 'it said ***')
})
