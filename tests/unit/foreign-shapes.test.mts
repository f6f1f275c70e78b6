import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parse, stringify } from 'yaml'
import { askRegistry, imageName, problemWithOwnImage } from '../../lib/backends/image-registry.mts'
import { readComment } from '../../lib/backends/postgres-facts.mts'
import { exitCodes, KitError } from '../../lib/base/errors.mts'
import type { Shape } from '../../lib/base/shape.mts'
import { cutAt } from '../../lib/hosts/frame.mts'
import { withLines } from '../../lib/hosts/known-hosts-file.mts'
import { fingerprint, hostKeysIn } from '../../lib/hosts/known-hosts.mts'
import { openPrivateKey } from '../../lib/hosts/private-key.mts'
import { asPrinted, itemsIn, objectIn } from '../../lib/kube/api-objects.mts'
import { compare } from '../../lib/kube/apply/diff.mts'
import { definitionsIn } from '../../lib/kube/apply/definitions.mts'
import { requireNoOtherTool } from '../../lib/kube/apply/other-tools.mts'
import { createDiscovery } from '../../lib/kube/discovery.mts'
import { documentsIn, manifestsOf } from '../../lib/kube/render-manifests.mts'
import { createKubeReader } from '../../lib/kube/reader.mts'
import { refusedIn } from '../../lib/kube/refused.mts'
import { refusalError } from '../../lib/kube/server-errors.mts'
import { rivalHint, rivalsOf, rivalText } from '../../lib/kube/ingress-rivals.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import { listedSum } from '../../lib/settings/release-files.mts'
import { problemWithImage } from '../../lib/settings/versions.mts'
import { unreachedIn } from '../../scripts/10_keybuzz/inside.mts'
import { parseDocument } from '../../scripts/09_k3s/host/document.mts'
import { fixedIn } from '../../scripts/09_k3s/host/fixed.mts'
import { imagesIn } from '../../scripts/09_k3s/host/held-images.mts'
import { lastWordsIn } from '../../scripts/09_k3s/nodes/journal.mts'
import { missingIn } from '../../scripts/09_k3s/nodes/readiness.mts'
import { bootstrapKeysIn } from '../../scripts/09_k3s/nodes/bootstrap-key.mts'
import { departureIn } from '../../scripts/09_k3s/nodes/departure.mts'
import { unitIn } from '../../scripts/09_k3s/nodes/unit-state.mts'
import { memberProblems, membersIn } from '../../scripts/09_k3s/nodes/members.mts'
import { volumesIn, volumesOn } from '../../scripts/09_k3s/remove/volumes.mts'
import { requireKv, requireRights, signIn } from '../../lib/backends/vault-admin.mts'
import { readHealth } from '../../lib/backends/vault-health.mts'
import { readReply, tokenIn, type Vault } from '../../lib/backends/vault.mts'
import { jwtConfig, kubernetesConfig } from '../../scripts/14_vault/auth-config.mts'
import { writesFor } from '../../scripts/14_vault/configure.mts'
import { normalKey, readIssuer, requireProven } from '../../scripts/14_vault/issuer.mts'
import { readConnection } from '../../scripts/13_superset/connection.mts'
import {
  alertsShape,
  answerOf,
  poolsShape,
  receiversShape,
  rulesShape,
  runtimeShape,
  sentAlertsShape,
  targetsShape,
  valuesShape,
} from '../../scripts/09_k3s/monitoring/ask.mts'
import { readReceivers } from '../../scripts/09_k3s/settings-receivers.mts'
import { readModels } from '../../scripts/15_llm/models.mts'
import { readServices } from '../../scripts/15_llm/services.mts'
import { fakeApi } from './kube/fake-api.mts'
import { anyValue, damaged, damagedText } from './generated.mts'
import { documents, neverABug, random } from './never-a-bug.mts'
import { keys, models, services } from './scripts/15_llm/settings.mts'

// What operators, hosts, registries and other tools hand over, in the shapes public reports show: exit 1 never.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-shapes-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** A key as ssh-keygen makes it. */
function sshKey(name: string, ...words: string[]): string {
  const path = join(folder, name)
  execFileSync('ssh-keygen', ['-q', '-f', path, ...words])
  return readFileSync(path, 'utf8')
}

test('known_hosts as OpenSSH writes it: any text is read, and lines are added behind it', async () => {
  const lines = [
    '@revoked * ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\n',
    '@cert-authority *.example.com,!bad.example.com ssh-rsa AAAAB3NzaC1yc2E= ca\n',
    '|1|c2FsdA==|aGFzaA== ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTI=\n',
    '[192.0.2.1]:2222,k8s-1 sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaA== comment of many words\n',
    '# a comment\r\n\r\n',
    '192.0.2.1 1024 35 13927 old-protocol-1',
  ]
  let given = ''
  await neverABug(
    '',
    -1,
    () => {
      given = damagedText(random, lines.filter(() => random.next() < 0.7).join(''))
      const { known, revoked } = hostKeysIn(given, random.pick(['192.0.2.1', 'a.example.com', '']), 22)
      for (const one of [...known, ...revoked]) fingerprint(one)
      assert.ok(withLines(given, ['a b c']).endsWith('\na b c\n') || given === '')
    },
    () => given,
  )
})

test('private keys of every maker: any text is opened or refused by the file’s name, exit 2', async () => {
  const plain = sshKey('plain', '-t', 'ed25519', '-N', '')
  const locked = sshKey('locked', '-t', 'ed25519', '-a', '4', '-N', 'a passphrase')
  const pem = sshKey('pem', '-t', 'ecdsa', '-m', 'PEM', '-N', '')
  const rsa = createPrivateKey(sshKey('rsa', '-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', ''))
  const pkcs8 = { type: 'pkcs8', format: 'pem' } as const
  const texts = [
    plain,
    pem,
    String(rsa.export(pkcs8)),
    String(rsa.export({ ...pkcs8, cipher: 'aes-256-cbc', passphrase: 'a passphrase' })),
    'PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\nPublic-Lines: 2\r\nAAAAC3Nza\r\n',
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me@here\n',
    '-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n',
  ]
  let given = ''
  const open = (text: string) =>
    openPrivateKey((given = text), random.pick([undefined, 'a passphrase']), 'id')
  await neverABug(
    'id',
    exitCodes.usage,
    () => open(damagedText(random, random.pick(texts))),
    () => given,
    300,
  )
  // Only behind its third line: before that stands how often the passphrase is hashed, which may be hours.
  const [top, body] = [locked.split('\n').slice(0, 4), locked.split('\n').slice(4).join('\n')]
  const behind = () => open([...top, damagedText(random, body)].join('\n'))
  await neverABug('id', exitCodes.usage, behind, () => given, 12)
})

test('checksum files and names of images: any text is read', async () => {
  const sums = `${'0a'.repeat(32)}  k3s\r\n${'1b'.repeat(32)} *k3s-airgap-images-amd64.tar.zst\n`
  const image = 'registry.example.com:5000/team/app:1.2@sha256:'
  const list = join(folder, 'sha256sum-amd64.txt')
  let given = ''
  const read = () => {
    writeFileSync(list, (given = damagedText(random, sums)))
    assert.match(listedSum(join(folder, 'k3s')) ?? '0'.repeat(64), /^[0-9a-f]{64}$/)
    given = damagedText(random, image)
    imageName(given)
    problemWithImage(given)
    problemWithOwnImage(given)
  }
  await neverABug('sha256sum', exitCodes.usage, read, () => given)
})

const known = (name: string) => ['OPENAI_API_KEY', 'HF_TOKEN', 'QDRANT_API_KEY'].includes(name)
assert.ok(keys.length > 0)
documents('the list of models', '15_llm.models.yml', parse(models), stringify, (text) =>
  readModels(text, known),
)
documents('the list of services', '15_llm.services.yml', parse(services), stringify, (text) =>
  readServices(text, known, 'llm.example.com'),
)

documents(
  'the list of receivers',
  '09_k3s.receivers.yml',
  {
    mail: { to: ['a@example.com'], from: 'b@example.com', server: 'smtp.example.com:587' },
    slack: { url: 'https://a.b/c' },
  },
  stringify,
  readReceivers,
)

test('what a chart renders: objects, or exit 3; what Prometheus and Alertmanager answer: read, or exit 9', async () => {
  const objects = [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', labels: null }, data: { a: null } },
    { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'a.b.c' } },
  ]
  const answers = [
    [rulesShape, { data: { groups: [{ name: 'a', file: '/a', rules: [{ name: 'b', health: 'ok' }] }] } }],
    [targetsShape, { data: { activeTargets: [{ scrapePool: 'a', scrapeUrl: 'b', health: 'up' }] } }],
    [poolsShape, { data: { scrapePools: ['a'] } }],
    [runtimeShape, { data: { lastConfigTime: 'a', reloadConfigSuccess: true, storageRetention: '15d' } }],
    [alertsShape, { data: { alerts: [{ labels: { alertname: 'a' }, state: 'firing' }] } }],
    [valuesShape, { data: { result: [{ metric: {}, value: [1, '2'] }] } }],
    [receiversShape, [{ name: 'a' }]],
    [sentAlertsShape, [{ labels: { a: 'b' }, status: { state: 'active' }, receivers: [{ name: 'c' }] }]],
  ] as const
  let given = ''
  const rendered = () => {
    const text = objects
      .map((one) => stringify(random.next() < 0.5 ? one : damaged(random, one)))
      .join('---\n')
    given = random.next() < 0.5 ? text : damagedText(random, text)
    return random.next() < 0.5 ? manifestsOf(documentsIn(given)) : definitionsIn(given)
  }
  await neverABug('the chart', exitCodes.preflight, rendered, () => given)
  const answered = () => {
    const [shape, right] = random.pick([...answers])
    given = JSON.stringify(random.next() < 0.2 ? anyValue(random) : damaged(random, right))
    if (random.next() < 0.3) given = damagedText(random, given)
    return answerOf('prometheus', '/api', given, shape as Shape<unknown>)
  }
  await neverABug('prometheus', exitCodes.rolloutFailed, answered, () => given)
})

test('what hosts say of themselves, of etcd and of volumes: read, or exit 6 with the host’s name', async () => {
  const list = {
    members: [{ ID: '7', name: 'k8s-1', peerURLs: ['https://192.0.2.1:2380'], isLearner: false }],
  }
  const volumes = { items: [{ metadata: { name: 'pv' }, spec: { claimRef: { namespace: 'a', name: 'b' } } }] }
  let given = ''
  const any = (value: unknown) =>
    random.next() < 0.5 ? JSON.stringify(damaged(random, value)) : damagedText(random, JSON.stringify(value))
  const read = () => {
    given = `node=True v1\nmembers=${any(list)}\nvoters=k8s-1:True\n`
    bootstrapKeysIn(`bootstrap=${any({ kvs: [{ key: 'L2Jvb3RzdHJhcC8w' }] })}\n`)
    departureIn(given, { name: 'k8s-1', address: '192.0.2.1' })
    memberProblems(membersIn(given), 'k8s-1:True', '192.0.2.1', 'others')
    missingIn(damagedText(random, `readyz=ok\nprogram=v1\nrestarts=1\n${given}`), { address: 'k8s-1' }, [])
    lastWordsIn(damagedText(random, 'time="x" level=fatal msg="a \\"b\\" c"\nplain\n'))
    unreachedIn(damagedText(random, '192.0.2.1:5432 ok\r\ndb:1 no answer'), [['192.0.2.1', '5432']] as never)
    cutAt('mark', damagedText(random, 'markmotd\nmark0.'))
    given = damagedText(
      random,
      `image ${'0a'.repeat(32)} docker.io/a:1\nnode cluster-cidr: "10.42.0.0/16" # ours\n`,
    )
    imagesIn(given)
    fixedIn(given)
    given = damagedText(random, 'ActiveState=active\nSubState=running\nNRestarts=1\nInvocationID=0a1b\n\n')
    assert.ok(unitIn(given).restarts >= 0)
    given = damagedText(random, 'cpu 4\nmemory 4096\nport 6443 open\nend\n')
    parseDocument('k8s-1', given).number('cpu')
    given = any(volumes)
    volumesIn(given, 'k8s-1')
  }
  await neverABug('k8s-1', exitCodes.unreachable, read, () => given)
})

/** An object of the API server without some of its fields: their types are its own to keep. */
function thinned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(thinned)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(
    ([key]) => key === 'metadata' || key === 'name' || random.next() < 0.8,
  )
  return Object.fromEntries(kept.map(([key, one]) => [key, thinned(one)]))
}

const ingress = {
  kind: 'Ingress',
  metadata: { name: 'shop', namespace: 'blue', annotations: { 'kubernetes.io/ingress.class': 'nginx' } },
  spec: {
    ingressClassName: 'nginx',
    defaultBackend: { service: { name: 'x' } },
    rules: [
      { host: 'a.example.com', http: { paths: [{ path: '/x', pathType: 'Prefix' }] } },
      { host: '*.example.com' },
    ],
  },
}
const labelled = {
  kind: 'Secret',
  metadata: {
    name: 'sh.helm.release.v1.n8n.v3',
    namespace: 'blue',
    labels: { 'app.kubernetes.io/managed-by': 'Helm', 'helm.toolkit.fluxcd.io/name': 'n8n' },
    annotations: { 'meta.helm.sh/release-name': 'n8n', 'argocd.argoproj.io/tracking-id': 'a:b:c' },
  },
}

test('Ingresses and objects of other tools: whatever fields they have, they are read, or exit 5 names them', async () => {
  const ours = { ...ingress, metadata: { name: 'shop', namespace: 'shop' } } as unknown as LiveObject
  let given: unknown
  const read = () => {
    given = thinned(ingress)
    for (const one of rivalsOf([ours], [given as LiveObject]))
      assert.ok(rivalText(one) !== '' && rivalHint(one) !== '')
    compare(given as LiveObject, ours)
    given = thinned(labelled)
    requireNoOtherTool(given as LiveObject, 'staging')
    volumesOn([given as LiveObject], ['k8s-1'])
  }
  await neverABug('sh.helm.release.v1.n8n.v3', exitCodes.conflict, read, () => given)
})

test('comments of databases, and answers of Superset: any of them is read, or told as it is', async () => {
  let given: unknown
  const read = async () => {
    given = damagedText(random, 'keybuzz 0a1b2c dev/12_n8n\nwords of an operator')
    readComment(random.pick([null, given as string]))
    given = damaged(random, { result: { sqlalchemy_uri: 'postgresql://a:XXXX@b/c' } })
    const answer = { status: random.pick([200, 500]), text: JSON.stringify(given), json: () => given }
    const found = await readConnection({ ask: () => Promise.resolve(answer) } as never, { id: 1, name: 'a' })
    assert.equal(typeof (typeof found === 'string' ? found : found.uri), 'string')
  }
  await neverABug('', exitCodes.validationFailed, read, () => given)
})

test('a registry that says anything is answered by one of four words', async () => {
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo
    if (request.url?.startsWith('/token') === true) {
      const body = JSON.stringify(random.next() < 0.5 ? anyValue(random) : { token: anyValue(random) })
      return response.end(damagedText(random, body))
    }
    const challenge = damagedText(random, `Bearer realm="http://127.0.0.1:${port}/token",service="r"`)
    const status = random.pick([200, 401, 403, 404, 500])
    response.writeHead(status, { 'www-authenticate': challenge.replace(/[^\x20-\x7e]/g, '') }).end()
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  try {
    for (let left = 60; left > 0; left -= 1) {
      const { is } = await askRegistry(`127.0.0.1:${port}/a/b:1`, {} as never)
      assert.ok(['there', 'refused', 'absent', 'silent'].includes(is), is)
    }
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('Vault, or a page in its place: every answer is read or refused, never a bug', async () => {
  const token = { reveal: () => 'token' } as never
  const configs = [
    kubernetesConfig({ host: 'https://10.0.0.20:6443', ca: 'ca', token }),
    jwtConfig({ name: 'https://kubernetes.default.svc', keys: ['key'] }),
  ] as const
  const settings = {
    VAULT_AUTH_METHOD: 'kubernetes',
    VAULT_AUTH_PATH: 'kubernetes',
    VAULT_KV_MOUNT: 'kv',
    VAULT_KV_PREFIX: 'keybuzz',
    VAULT_TOKEN: { reveal: () => 'token' },
  } as never
  const valid = {
    auth: { client_token: 'token' },
    version: '2.7.2',
    server_time_utc: 1,
    data: {
      'kubernetes/': { type: 'kubernetes' },
      'jwt/': { type: 'jwt' },
      ttl: 3600,
      type: 'kv',
      options: { version: '2' },
    },
  }
  let json: unknown
  const vault: Vault = {
    where: 'Vault https://vault.example.com',
    ask: () => Promise.resolve({ status: 200, json, words: '' }),
    with: () => vault,
  }
  const readers: readonly (() => unknown)[] = [
    () => readHealth(vault),
    () => signIn(vault, settings),
    () => requireRights(vault, [{ path: 'sys/auth', capabilities: ['read'] }]),
    () => requireKv(vault, 'kv'),
    () => writesFor(vault, settings, configs[0], true),
    () =>
      writesFor(
        vault,
        { ...(settings as object), VAULT_AUTH_METHOD: 'jwt', VAULT_AUTH_PATH: 'jwt' } as never,
        configs[1],
        true,
      ),
    () => tokenIn(vault, { status: 200, json, words: '' }),
    () => readReply(vault, 'anything', (value) => value, { status: 200, json, words: '' }),
  ]
  for (let round = 0; round < 200; round += 1) {
    json = random.next() < 0.3 ? anyValue(random) : damaged(random, valid)
    for (const read of readers) {
      try {
        await read()
      } catch (thrown) {
        assert.ok(thrown instanceof KitError, `${JSON.stringify(json)}\n${(thrown as Error).stack}`)
        assert.ok([3, 5, 8].includes(thrown.exitCode), String(thrown.exitCode))
      }
    }
  }
})

test('the keys with which an API server signs, and its tokens: any shape is read, or refused with exit 3', async () => {
  const published = {
    issuer: 'https://kubernetes.default.svc.cluster.local',
    keys: [
      {
        kty: 'RSA',
        alg: 'RS256',
        kid: 'a',
        n: 'sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1Wl',
        e: 'AQAB',
      },
      {
        kty: 'EC',
        crv: 'P-256',
        x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
        y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
      },
    ],
  }
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value) ?? '').toString('base64url')
  const given = (valid: unknown) => (random.next() < 0.3 ? anyValue(random) : damaged(random, valid))
  for (let round = 0; round < 300; round += 1) {
    const json = given(published)
    const claims = [{ alg: random.pick(['RS256', 'ES256', 'none']) }, { iss: published.issuer }].map(given)
    const token = { reveal: () => `${claims.map(part).join('.')}.${part(given('x'))}` } as never
    try {
      normalKey(damagedText(random, '-----BEGIN PUBLIC KEY-----'))
      requireProven(token, await readIssuer({ raw: () => Promise.resolve(JSON.stringify(json) ?? '') }))
    } catch (thrown) {
      assert.ok(thrown instanceof KitError, `${JSON.stringify(json)}\n${(thrown as Error).stack}`)
      assert.equal(thrown.exitCode, 3)
    }
  }
})

test('kinds, objects and refusals of an API server: any shape is read, or refused with exit 3 or 9', async () => {
  const words = ['get', 'pods.x']
  const group = { preferredVersion: { groupVersion: 'x/v1' }, versions: [{ groupVersion: 'x/v1' }] }
  const kinds = { resources: [{ name: 'pods', kind: 'Pod', namespaced: true }] }
  const pods = { kind: 'PodList', apiVersion: 'v1', items: [{ metadata: { name: 'a', managedFields: [] } }] }
  const no = { kind: 'Status', reason: 'NotFound', message: 'pods "a" not found', details: { name: 'a' } }
  const token = { kind: 'TokenRequest', status: { token: 'planted-token-1' } }
  const given = (valid: unknown) => (random.next() < 0.3 ? anyValue(random) : damaged(random, valid))
  const readers: readonly ((value: unknown) => unknown)[] = [
    (value) =>
      createDiscovery(({ path }) =>
        Promise.resolve(JSON.stringify(path === '/apis/x' ? value : kinds)),
      ).ofName('pods.x'),
    (value) =>
      createDiscovery(() => Promise.resolve(JSON.stringify(value))).ofKind({ apiVersion: 'v1', kind: 'Pod' }),
    (value) => itemsIn(value, words).map((one) => asPrinted(one, false)),
    (value) => asPrinted(objectIn(value, words), true),
    (value) => {
      const body = damagedText(random, JSON.stringify(value) ?? '')
      throw refusalError(words, refusedIn({ status: 404, body }))
    },
    (value) => {
      const post = () => Promise.resolve(JSON.stringify(value) ?? '')
      const reader = createKubeReader({ api: fakeApi(() => [], { post }) } as never)
      return reader.tokenOf('app', 'app-dev', 'vault')
    },
  ]
  for (let round = 0; round < 200; round += 1) {
    const values = [group, kinds, pods, pods.items[0], no, token].map(given)
    for (const [at, read] of readers.entries()) {
      try {
        await read(values[at])
      } catch (thrown) {
        assert.ok(thrown instanceof KitError, `${JSON.stringify(values)}\n${(thrown as Error).stack}`)
        assert.ok([3, 9].includes(thrown.exitCode), `${JSON.stringify(values)} ${thrown.exitCode}`)
      }
    }
  }
})
