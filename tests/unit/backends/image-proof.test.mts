import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { exitCodes, KitError, type ExitCode } from '../../../lib/base/errors.mts'
import {
  imageName,
  problemWithOwnImage,
  askRegistry,
  type Offer,
} from '../../../lib/backends/image-registry.mts'
import { provePulls } from '../../../lib/backends/image-proof.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'

const closing: (() => void)[] = []
after(() => closing.forEach((close) => close()))

test('a reference is read as Docker and containerd read it', () => {
  const rows = [
    ['nginx:1.27', 'docker.io', 'library/nginx', '1.27'],
    ['keybuzz/api:1.4.0', 'docker.io', 'keybuzz/api', '1.4.0'],
    ['docker.io/keybuzz/api:1.4.0', 'docker.io', 'keybuzz/api', '1.4.0'],
    ['ghcr.example.com/a/b/c:v1', 'ghcr.example.com', 'a/b/c', 'v1'],
    ['localhost/api:1', 'localhost', 'api', '1'],
    ['registry.example.com:5000/api:1.4.0', 'registry.example.com:5000', 'api', '1.4.0'],
    [
      `registry.example.com/api@sha256:${'a'.repeat(64)}`,
      'registry.example.com',
      'api',
      `sha256:${'a'.repeat(64)}`,
    ],
  ] as const
  for (const [image, registry, repository, reference] of rows) {
    const { full, ...rest } = imageName(image)
    assert.deepEqual(rest, { registry, repository, reference }, image)
    assert.ok(full.startsWith(`${registry}/${repository}`), full)
  }
})

test('placeholders are refused by their names, applications that only sound so are not', () => {
  for (const image of [
    'nginx:1.27',
    'docker.io/library/nginx:1.27-alpine',
    'hello-world:1',
    'registry.example.com/x/whoami:1',
    'hashicorp/http-echo:1.0',
    'nginxinc/nginx-unprivileged:1.27',
  ])
    assert.match(problemWithOwnImage(image) ?? '', /is a placeholder/, image)
  for (const image of [
    'keybuzz/api:1.4.0',
    'registry.example.com/echo/front:2',
    'registry.example.com/nginx-front:1',
  ])
    assert.equal(problemWithOwnImage(image), undefined, image)
})

const node = (name: string, images: string[], more: object = {}): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: {},
  status: { conditions: [{ type: 'Ready', status: 'True' }], images: [{ names: images }, { names: null }] },
  ...more,
})
const image = 'registry.example.com/keybuzz/api:1.4.0'
const silent: Offer = { is: 'silent', words: 'registry.example.com: getaddrinfo ENOTFOUND' }

async function proveWith(nodes: LiveObject[], offer: Offer, images = [image], builtByOperator = true) {
  const warned: string[] = []
  const proven: string[] = []
  const asked: string[] = []
  const thrown = await provePulls(
    { images, builtByOperator },
    {
      nodes,
      settings: { ENV: 'staging' },
      reporter: { warn: (text) => void warned.push(text), ok: (text) => void proven.push(text) },
      ask: (one) => {
        asked.push(one)
        return Promise.resolve(offer)
      },
    },
  ).catch((error: unknown) => error)
  return { thrown, warned, proven, asked }
}

test('an image on every node that takes pods is proof by itself: nobody else is asked', async () => {
  const master = node('master', [], { spec: { taints: [{ effect: 'NoSchedule' }] } })
  const { thrown, asked } = await proveWith([node('a', [image]), node('b', [image]), master], silent)
  assert.equal(thrown, undefined)
  assert.deepEqual(asked, [])
})

test('an image no node has is there when its registry says so', async () => {
  const { thrown, asked, warned, proven } = await proveWith([node('a', [])], { is: 'there' })
  assert.equal(thrown, undefined)
  assert.deepEqual([asked, warned], [[image], []])
  assert.deepEqual(proven, [`${image} can be pulled`])
})

test('an image on some nodes whose registry is silent is a warning, and is not said to be proven', async () => {
  const { thrown, warned, proven } = await proveWith([node('a', [image]), node('b', [])], silent)
  assert.equal(thrown, undefined)
  assert.match(warned.join(), /is on 1 of 2 nodes.*ENOTFOUND/)
  assert.deepEqual(proven, [])
})

const refusals: [string, LiveObject[], Offer, ExitCode, RegExp][] = [
  [
    'does not exist',
    [node('a', [])],
    { is: 'absent', words: 'it answers 404' },
    exitCodes.preflight,
    /does not exist/,
  ],
  [
    'is refused to the account',
    [node('a', [])],
    { is: 'refused', words: 'it answers 403' },
    exitCodes.denied,
    /does not give the image/,
  ],
  ['nobody can be asked about', [node('a', [])], silent, exitCodes.preflight, /no node has the image/],
  [
    'is gone from its registry, though one node of two still has it',
    [node('a', [image]), node('b', [])],
    { is: 'absent', words: '404' },
    exitCodes.preflight,
    /does not exist/,
  ],
  [
    'is only on a node that takes no pods',
    [node('a', []), node('b', [image], { spec: { unschedulable: true } })],
    silent,
    exitCodes.preflight,
    /no node has the image/,
  ],
]
for (const [what, nodes, offer, exitCode, words] of refusals) {
  test(`an image that ${what} is refused before anything is applied`, async () => {
    const { thrown } = await proveWith(nodes, offer)
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCode)
    assert.match(thrown.message, words)
    assert.ok(thrown.details.includes('Nothing was written.'))
  })
}

test('a public image that one node has pulled is proven: its registry is not asked', async () => {
  const { thrown, asked } = await proveWith([node('a', [image]), node('b', [])], silent, [image], false)
  assert.deepEqual([thrown, asked], [undefined, []])
})

test('a public image whose registry is silent here is a warning, one it does not have is refused', async () => {
  const { thrown, warned } = await proveWith([node('a', [])], silent, [image], false)
  assert.equal(thrown, undefined)
  assert.match(warned.join(), /is on 0 of 1 nodes.*ENOTFOUND/)
  const absent: Offer = { is: 'absent', words: 'it answers 404' }
  const refused = await proveWith([node('a', [])], absent, [image], false)
  assert.ok(refused.thrown instanceof KitError && refused.thrown.exitCode === exitCodes.preflight)
})

test('a public image may have a name everybody knows', async () => {
  const nginx = 'docker.io/library/nginx:1.27'
  const { thrown } = await proveWith([node('a', [nginx])], silent, [nginx], false)
  assert.equal(thrown, undefined)
})

test('a placeholder is refused though every node has it', async () => {
  const { thrown } = await proveWith([node('a', ['docker.io/library/nginx:1.27'])], { is: 'there' }, [
    'nginx:1.27',
  ])
  assert.ok(thrown instanceof KitError)
  assert.equal(thrown.exitCode, exitCodes.usage)
  assert.equal(thrown.hint, 'name the image you built in credentials/staging/versions.json')
})

async function registry(
  answer: (request: IncomingMessage) => [status: number, headers?: Record<string, string>, body?: string],
) {
  const server = createServer((request, response) => {
    const [status, headers = {}, body = ''] = answer(request)
    response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
const account = (server: string) => ({
  REGISTRY_SERVER: server,
  REGISTRY_USER: 'puller',
  REGISTRY_PASSWORD: sensitive('registry-token-1'),
})
const basic = `Basic ${Buffer.from('puller:registry-token-1').toString('base64')}`

test('a registry that wants the account itself gets it, and only the one it belongs to', async () => {
  const server = await registry(({ headers, url }) =>
    headers.authorization === basic && url === '/v2/keybuzz/api/manifests/1.4.0'
      ? [200]
      : [401, { 'www-authenticate': 'Basic realm="r"' }],
  )
  assert.deepEqual(await askRegistry(`${server}/keybuzz/api:1.4.0`, account(server)), { is: 'there' })
  const other = await askRegistry(`${server}/keybuzz/api:1.4.0`, account('registry.example.com'))
  assert.equal(other.is, 'refused')
})

test('a registry that wants a token gets the one its challenge names, for the account', async () => {
  const server: string = await registry(({ headers, url = '' }) => {
    if (url.startsWith('/token'))
      return headers.authorization === basic && url.includes('scope=repository%3Akeybuzz%2Fapi%3Apull')
        ? [200, {}, '{"token":"one-hour"}']
        : [401]
    if (headers.authorization === 'Bearer one-hour') return [200]
    const challenge = `Bearer realm="http://${server}/token",service="s",scope="repository:keybuzz/api:pull"`
    return [401, { 'www-authenticate': challenge }]
  })
  assert.deepEqual(await askRegistry(`${server}/keybuzz/api:1.4.0`, account(server)), { is: 'there' })
  const wrong = { ...account(server), REGISTRY_PASSWORD: sensitive('another-token') }
  assert.equal((await askRegistry(`${server}/keybuzz/api:1.4.0`, wrong)).is, 'refused')
})

test('a server of tokens that cannot work is no refusal of the account', async () => {
  for (const status of [429, 503]) {
    const server: string = await registry(({ url = '' }) =>
      url.startsWith('/token')
        ? [status]
        : [401, { 'www-authenticate': `Bearer realm="http://${server}/token",service="s"` }],
    )
    const offer = await askRegistry(`${server}/keybuzz/api:1.4.0`, account(server))
    assert.equal(offer.is, 'silent')
    assert.ok(offer.words.endsWith(`which gives its tokens, answers ${status}`), offer.words)
  }
})

test('an account goes in clear to no other machine that a challenge names; without an account it may be asked', async () => {
  const asked: string[] = []
  const { fetch } = globalThis
  globalThis.fetch = async (address, init) => {
    const url = new URL(address instanceof Request ? address.url : address)
    if (url.hostname === '127.0.0.1') return fetch(address, init)
    asked.push(`${url.origin} ${new Headers(init?.headers).get('authorization') ?? 'nobody'}`)
    return Response.json({ token: 'one-hour' })
  }
  try {
    for (const realm of ['http://auth.example.com/token', 'https://auth.example.com/token']) {
      const server = await registry(({ headers }) =>
        headers.authorization === 'Bearer one-hour'
          ? [200]
          : [401, { 'www-authenticate': `Bearer realm="${realm}",service="s"` }],
      )
      const image = `${server}/keybuzz/api:1.4.0`
      const offer = await askRegistry(image, account(server))
      if (realm.startsWith('https:')) assert.deepEqual(offer, { is: 'there' })
      else {
        assert.equal(offer.is, 'silent')
        assert.match(
          offer.words,
          /account sent to http:\/\/auth\.example\.com, not encrypted: it was not sent/,
        )
        assert.deepEqual(await askRegistry(image, {}), { is: 'there' })
      }
    }
  } finally {
    globalThis.fetch = fetch
  }
  assert.deepEqual(asked, ['http://auth.example.com nobody', `https://auth.example.com ${basic}`])
})

test('404 is absent, 403 is refused, 500 and no server at all are silent', async () => {
  for (const [status, is] of [
    [404, 'absent'],
    [403, 'refused'],
    [500, 'silent'],
  ] as const) {
    const server = await registry(() => [status])
    assert.equal((await askRegistry(`${server}/api:1`, {})).is, is, String(status))
  }
  const offer = await askRegistry('127.0.0.1:1/api:1', {})
  assert.equal(offer.is, 'silent')
})
