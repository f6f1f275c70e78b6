import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { exitCodes, type ExitCode } from '../../../lib/base/errors.mts'
import { root } from '../../../lib/base/files.mts'
import { makeAuthority } from '../backends/authority.mts'
import { freePort } from '../free-port.mts'
import { cutServer, startProxy, startRelease } from './release-server.mts'

// HTTPS, with a certificate of an authority made for the test, straight and through a proxy that leads every name to
// loopback: each in a process of its own.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-tunnel-'))
const [path, ca] = [join(folder, 'k3s'), join(folder, 'ca.pem')]
const authority = makeAuthority('IP:127.0.0.1,DNS:release.example.com')
writeFileSync(ca, authority.ca)
const server = await startRelease({ key: authority.key, cert: authority.certificate })
server.files.set('k3s', Buffer.from('the program'))
const port = Number(server.base.port)
after(() => {
  server.close()
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  server.fault = undefined
  for (const name of [`${path}.part`, `${path}.part.json`]) rmSync(name, { force: true })
})

interface Ended {
  readonly code: number
  readonly message?: string
  readonly details?: readonly string[]
  readonly hint?: string
}

/** @param meanwhile is called with the process while it runs */
async function fetchIn(
  environment: Readonly<Record<string, string>>,
  url: string,
  meanwhile: (child: ChildProcess) => void = () => {},
): Promise<Ended> {
  const { PATH = '' } = process.env
  const words = ['--import', './bin/runtime.mjs', 'tests/unit/base/fetch-one.mts', url, path]
  const child = spawn(process.execPath, words, { cwd: root, env: { PATH, ...environment } })
  meanwhile(child)
  let [out, err] = ['', '']
  child.stdout.on('data', (bytes) => (out += String(bytes)))
  child.stderr.on('data', (bytes) => (err += String(bytes)))
  const [code] = (await once(child, 'close')) as [number]
  assert.ok(code === 0 || out !== '', err)
  return { code, ...(out === '' ? {} : (JSON.parse(out) as object)) }
}

const trusting = { NODE_EXTRA_CA_CERTS: ca }
const byName = 'https://release.example.com/v1/k3s'

test('an authority of the operator’s own is trusted by NODE_EXTRA_CA_CERTS', async () => {
  assert.equal((await fetchIn(trusting, `${server.base.href}k3s`)).code, exitCodes.done)
  assert.equal(readFileSync(`${path}.part`, 'utf8'), 'the program')
})

test('a certificate that is not trusted: exit 7, and how to trust it', async () => {
  const { code, message, hint } = await fetchIn({}, `${server.base.href}k3s`)
  assert.equal(code, exitCodes.trust)
  assert.match(message ?? '', /its certificate is not accepted/)
  assert.match(hint ?? '', /export NODE_EXTRA_CA_CERTS=/)
  assert.ok(!existsSync(`${path}.part`))
})

test('a redirect from HTTPS to plain HTTP is not followed, not even on this machine: exit 7', async () => {
  const plain = await startRelease()
  server.fault = (_, response) =>
    response.writeHead(302, { location: `${plain.base.href}k3s` }).end() !== undefined
  const { code, message } = await fetchIn(trusting, `${server.base.href}k3s`)
  plain.close()
  assert.equal(code, exitCodes.trust)
  assert.match(message ?? '', /sends to an address without TLS/)
  assert.deepEqual(plain.asked, [])
})

test('HTTPS_PROXY: the proxy is asked to connect, with its account, and TLS is spoken with the address itself', async () => {
  const proxy = await startProxy({ to: port })
  const address = `http://kit:pass%40word@127.0.0.1:${proxy.port}`
  const { code } = await fetchIn({ ...trusting, HTTPS_PROXY: address }, byName)
  proxy.close()
  assert.equal(code, exitCodes.done)
  assert.equal(readFileSync(`${path}.part`, 'utf8'), 'the program')
  const account = Buffer.from('kit:pass@word').toString('base64')
  assert.deepEqual(proxy.asked, [`CONNECT release.example.com:443 Basic ${account}`])
})

test('a proxy that answers with another 2xx than 200 has connected too', async () => {
  const proxy = await startProxy({ to: port, status: 201 })
  const { code } = await fetchIn({ ...trusting, HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` }, byName)
  proxy.close()
  assert.equal(code, exitCodes.done)
  assert.equal(readFileSync(`${path}.part`, 'utf8'), 'the program')
})

test('a certificate for another name than was asked for is not accepted through a proxy either: exit 7', async () => {
  const proxy = await startProxy({ to: port })
  const environment = { ...trusting, https_proxy: `http://127.0.0.1:${proxy.port}` }
  const { code } = await fetchIn(environment, 'https://other.example.com/v1/k3s')
  proxy.close()
  assert.equal(code, exitCodes.trust)
})

test('NO_PROXY: what it names is reached without the proxy', async () => {
  const proxy = await startProxy({ to: port })
  const environment = {
    ...trusting,
    HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
    NO_PROXY: 'localhost,127.0.0.0/8',
  }
  assert.equal((await fetchIn(environment, `${server.base.href}k3s`)).code, exitCodes.done)
  proxy.close()
  assert.deepEqual(proxy.asked, [])
})

for (const [status, exitCode, hint] of [
  [407, exitCodes.denied, /write the account into HTTPS_PROXY/],
  [403, exitCodes.denied, /let it through .* or name the host in NO_PROXY/],
  [502, exitCodes.unreachable, /look at the proxy/],
] as const satisfies readonly (readonly [number, ExitCode, RegExp])[]) {
  test(`a proxy that answers ${status}: exit ${exitCode}, without its password`, async () => {
    const proxy = await startProxy({ to: port, status })
    const environment = { ...trusting, HTTPS_PROXY: `http://kit:planted-p6@127.0.0.1:${proxy.port}` }
    const ended = await fetchIn(environment, byName)
    proxy.close()
    assert.equal(ended.code, exitCode)
    assert.match(
      ended.message ?? '',
      new RegExp(`the proxy 127.0.0.1:${proxy.port} refuses .*: HTTP ${status}`),
    )
    assert.match(ended.hint ?? '', hint)
    assert.ok(ended.details?.includes('No host was asked.'))
    assert.ok(!JSON.stringify(ended).includes('planted'))
  })
}

test('a proxy that is not there: exit 6', async () => {
  const environment = { ...trusting, HTTPS_PROXY: `http://127.0.0.1:${await freePort()}` }
  const { code, message } = await fetchIn(environment, byName)
  assert.equal(code, exitCodes.unreachable)
  assert.match(message ?? '', /connection refused/)
})

test('Ctrl-C while it is fetched: exit 130, and what has come stays', async () => {
  const big = Buffer.alloc(200_000, 'a')
  server.files.set('big', big)
  const cut = cutServer(100_000, `${path}.part`, false)
  const { code, message } = await fetchIn(trusting, `${server.base.href}big`, (child) => {
    server.fault = (request, response, file) => cut(request, response, file)
    const timer = setInterval(() => {
      if ((statSync(`${path}.part`, { throwIfNoEntry: false })?.size ?? 0) < 100_000) return
      clearInterval(timer)
      child.kill('SIGINT')
    }, 20)
    child.on('close', () => clearInterval(timer))
  })
  assert.equal(code, exitCodes.interrupted)
  assert.equal(message, 'interrupted')
  assert.equal(readFileSync(`${path}.part`).length, 100_000)
})
