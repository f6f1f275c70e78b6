import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { exitCodes, KitError, type ExitCode } from '../../../lib/base/errors.mts'
import { createS3 } from '../../../lib/backends/s3.mts'
import { signedHeaders } from '../../../lib/backends/s3-signature.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import { makeAuthority } from './authority.mts'

// Amazon's own examples of Signature Version 4 for S3 (its documentation gives the same signatures).
const example = {
  accessKey: 'AKIAIOSFODNN7EXAMPLE',
  secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  region: 'us-east-1',
}
for (const [query, signature] of [
  ['lifecycle=', 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
  ['max-keys=2&prefix=J', '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
] as const) {
  test(`the signature of ?${query} is Amazon’s`, () => {
    const url = new URL(`https://examplebucket.s3.amazonaws.com/?${query}`)
    const at = new Date('2013-05-24T00:00:00Z')
    const { authorization } = signedHeaders({ method: 'GET', url, body: '', at }, example)
    assert.match(authorization ?? '', new RegExp(`Signature=${signature}$`))
  })
}

const keys = { accessKey: 'AKEY', secretKey: 'Secret-key-1', region: 'us-east-1' }
const denied = '<Error><Code>AccessDenied</Code></Error>'

/** An S3 server with one bucket, `files`, that checks signatures; `rights` are the methods the key has; `silent` is one it does without an answer. */
async function serve(t: TestContext, rights: readonly string[], silent?: string) {
  const held = new Map<string, string>()
  const asked: string[] = []
  const uploads: IncomingMessage['headers'][] = []
  const server = createServer((request, response) => {
    const end = (status: number, text = '') => response.writeHead(status).end(text)
    void request.toArray().then((pieces: Buffer[]) => {
      const body = Buffer.concat(pieces).toString()
      const url = new URL(request.url ?? '', `http://${request.headers.host}`)
      asked.push(`${request.method} ${url.pathname}`)
      if (!String(request.headers.authorization).includes(`Credential=${keys.accessKey}/`))
        return end(403, '<Error><Code>InvalidAccessKeyId</Code></Error>')
      if (!isSigned(request, url, body)) return end(403, '<Error><Code>SignatureDoesNotMatch</Code></Error>')
      if (!url.pathname.startsWith('/files/')) return end(404, '<Error><Code>NoSuchBucket</Code></Error>')
      const method = request.method ?? ''
      if (url.pathname === '/files/') return rights.includes('LIST') ? end(200, '<List/>') : end(403, denied)
      if (!rights.includes(method)) return end(403, denied)
      if (method === 'PUT') {
        uploads.push(request.headers)
        held.set(url.pathname, body)
      }
      if (method === silent) return response.destroy()
      if (method === 'DELETE') return held.delete(url.pathname) ? end(204) : end(404)
      return end(200, held.get(url.pathname))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return { port: (server.address() as AddressInfo).port, held, asked, uploads }
}

function isSigned(request: IncomingMessage, url: URL, body: string): boolean {
  const time = String(request.headers['x-amz-date'])
  const iso = time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')
  const names =
    (request.headers.authorization ?? '').split('SignedHeaders=')[1]?.split(',')[0]?.split(';') ?? []
  const more = Object.fromEntries(
    names.filter((name) => name.startsWith('content-')).map((name) => [name, String(request.headers[name])]),
  )
  const right = signedHeaders({ method: request.method ?? '', url, body, at: new Date(iso), more }, keys)
  return right['authorization'] === request.headers.authorization
}

const clientOf = (
  port: number,
  secretKey = keys.secretKey,
  planning = false,
  accessKey = keys.accessKey,
  scheme = 'http',
) =>
  createS3(
    {
      ENV: 'dev',
      S3_ENDPOINT: `${scheme}://127.0.0.1:${port}`,
      S3_REGION: keys.region,
      S3_ACCESS_KEY: accessKey,
      S3_SECRET_KEY: sensitive(secretKey),
      S3_PATH_STYLE: true,
    },
    createWrites({ planning, guard: () => Promise.resolve() }),
    { warn: () => {}, ok: () => {} },
  )

const refused = (promise: Promise<void>, exitCode: ExitCode, what: RegExp) =>
  assert.rejects(promise, (thrown) => {
    assert.ok(thrown instanceof KitError, String(thrown))
    assert.match(thrown.message, what)
    assert.equal(thrown.exitCode, exitCode)
    assert.notEqual(thrown.hint, undefined)
    return true
  })

test('a key with its three rights passes, and nothing stays in the bucket', async (t) => {
  const { port, held } = await serve(t, ['LIST', 'PUT', 'GET', 'DELETE'])
  await clientOf(port).require('files')
  assert.equal(held.size, 0)
})

test('without an answer to the upload, or to the read after it, nothing stays in the bucket either', async (t) => {
  for (const silent of ['PUT', 'GET']) {
    const { port, held, asked } = await serve(t, ['PUT', 'GET', 'DELETE'], silent)
    await refused(
      clientOf(port)
        .roundTrip('files')
        .then(() => {}),
      exitCodes.unreachable,
      /cannot be reached/,
    )
    assert.equal(asked.at(-1)?.split(' ')[0], 'DELETE')
    assert.equal(held.size, 0)
  }
})

test('the check uploads as applications do: with its MD5, signed, and without a checksum of the SDK', async (t) => {
  const { port, uploads } = await serve(t, ['PUT', 'GET', 'DELETE'])
  await clientOf(port).roundTrip('files')
  const [headers = {}] = uploads
  assert.match(String(headers['content-md5']), /^[A-Za-z0-9+/]{22}==$/)
  assert.match(
    String(headers.authorization),
    /SignedHeaders=content-md5;content-type;host;x-amz-content-sha256;/,
  )
  assert.equal(
    Object.keys(headers).find((name) => /checksum|trailer/.test(name)),
    undefined,
  )
})

test('a key that may not list passes: no application needs that', async (t) => {
  const { port } = await serve(t, ['PUT', 'GET', 'DELETE'])
  await clientOf(port).require('files')
})

test('told apart: unreachable, wrong secret, unknown key, no bucket, no right to write, read or delete', async (t) => {
  const { port } = await serve(t, ['LIST', 'PUT', 'GET', 'DELETE'])
  await refused(clientOf(1).tryOut('files'), exitCodes.unreachable, /cannot be reached/)
  await refused(clientOf(port, 'Another-key-1').tryOut('files'), exitCodes.denied, /refuses the secret key/)
  await refused(
    clientOf(port, keys.secretKey, false, 'BKEY').tryOut('files'),
    exitCodes.denied,
    /does not know the access key/,
  )
  await refused(clientOf(port).tryOut('absent'), exitCodes.preflight, /has no bucket absent/)
  for (const [lacking, words] of [
    ['PUT', 'write into'],
    ['GET', 'read from'],
    ['DELETE', 'delete from'],
  ] as const) {
    const rights = ['LIST', 'PUT', 'GET', 'DELETE'].filter((one) => one !== lacking)
    const weak = await serve(t, rights)
    await refused(
      clientOf(weak.port).require('files'),
      exitCodes.denied,
      new RegExp(`may not ${words} bucket files`),
    )
  }
})

test('under --plan nothing is written into the bucket', async (t) => {
  const { port, asked } = await serve(t, ['LIST', 'PUT', 'GET', 'DELETE'])
  await clientOf(port, keys.secretKey, true).require('files')
  assert.deepEqual(asked, ['GET /files/'])
})

test('a server whose certificate is not accepted is a question of trust: exit 7', async (t) => {
  const { key, certificate } = makeAuthority()
  const server = createTlsServer({ key, cert: certificate })
  t.after(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await refused(
    clientOf(port, keys.secretKey, false, keys.accessKey, 'https').tryOut('files'),
    exitCodes.trust,
    /certificate of S3 127\.0\.0\.1 is not accepted/,
  )
})
