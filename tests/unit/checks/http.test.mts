import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net'
import type { Duplex } from 'node:stream'
import { after, test } from 'node:test'
import { exitCodes, KitError, type ExitCode } from '../../../lib/base/errors.mts'
import { askByName, createHttp, type Http } from '../../../lib/checks/http.mts'

// Real requests, to small servers on 127.0.0.1.

const host = 'n8n.dev.example.com'
const opened: TcpServer[] = []
after(() => opened.forEach((server) => server.close()))

async function listen(server: TcpServer): Promise<string> {
  opened.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const serve = (listener: RequestListener): Promise<string> => listen(createServer(listener))

const behindBalancer = (...addresses: string[]): Http =>
  createHttp({ ENV: 'dev', TLS_MODE: 'load-balancer', INGRESS_ADDRESSES: addresses.join(', ') })

const throughIssuer = (address: string): Http =>
  createHttp({ ENV: 'dev', TLS_MODE: 'issuer', INGRESS_ADDRESSES: address })

const fails = (exitCode: ExitCode, what: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof KitError, String(thrown))
  assert.match(thrown.message, what)
  assert.equal(thrown.exitCode, exitCode)
  assert.ok(thrown.hint !== undefined && thrown.cause !== undefined)
  return true
}

test('a request carries the public name and what the load balancer would add, and no word that n8n turns away', async () => {
  const address = await serve(({ headers, url, method }, response) => {
    response.end(JSON.stringify({ ...headers, url, method }))
  })
  const answer = await behindBalancer(address).ask(host, '/path?q=1')
  const { connection: _ours, ...seen } = answer.json() as Record<string, string>
  assert.equal(answer.status, 200)
  assert.deepEqual(seen, {
    host,
    url: '/path?q=1',
    method: 'GET',
    'user-agent': 'keybuzz-installer',
    'x-forwarded-host': host,
    'x-forwarded-port': '443',
    'x-forwarded-proto': 'https',
  })
})

test('a stream shows how long its pieces took; one that is collected on the way took no time', async () => {
  const pieces = ['one', 'two', 'three']
  const streaming = await serve((_request, response) => {
    for (const [at, piece] of pieces.entries()) setTimeout(() => response.write(piece), at * 150)
    setTimeout(() => response.end(), pieces.length * 150)
  })
  const collected = await serve((_request, response) => setTimeout(() => response.end(pieces.join('')), 300))
  const [stream, whole] = await Promise.all([
    behindBalancer(streaming).ask(host, '/'),
    behindBalancer(collected).ask(host, '/'),
  ])
  assert.deepEqual([stream.text, whole.text], ['onetwothree', 'onetwothree'])
  assert.ok((stream.spreadMilliseconds ?? 0) >= 200, String(stream.spreadMilliseconds))
  assert.ok((whole.spreadMilliseconds ?? 300) < 100, String(whole.spreadMilliseconds))
})

test('an ingress that knows another name only is heard, not followed', async () => {
  const address = await serve(({ headers }, response) => {
    response.writeHead(headers.host === host ? 302 : 404, { location: 'https://elsewhere.example.com/' })
    response.end('page not found')
  })
  const http = behindBalancer(address)
  assert.equal((await http.ask('other.dev.example.com', '/')).status, 404)
  assert.equal((await http.ask(host, '/')).status, 302)
})

test('a body goes as JSON; cookies of the answer can be read', async () => {
  const address = await serve((request, response) => {
    request.pipe(response.setHeader('set-cookie', ['n8n-auth=token; Secure', 'other=1']))
  })
  const answer = await behindBalancer(address).ask(host, '/', {
    method: 'POST',
    json: { name: 'é "' },
  })
  assert.deepEqual(answer.json(), { name: 'é "' })
  assert.deepEqual(answer.headers['set-cookie'], ['n8n-auth=token; Secure', 'other=1'])
})

test('a form goes as a browser sends it', async () => {
  const address = await serve((request, response) => {
    void request.toArray().then((pieces) => {
      response.end(`${request.headers['content-type']} ${Buffer.concat(pieces as Buffer[]).toString()}`)
    })
  })
  const form = { username: 'admin', password: 'a %&=+ b' }
  const { text } = await behindBalancer(address).ask(host, '/login/', { method: 'POST', form })
  assert.equal(text, 'application/x-www-form-urlencoded username=admin&password=a+%25%26%3D%2B+b')
})

test('askAt reaches each address, ask the first', async () => {
  const [one, two] = await Promise.all([
    serve((_, response) => void response.end('one')),
    serve((_, response) => void response.end('two')),
  ])
  const http = behindBalancer(one, two)
  assert.equal((await http.ask(host, '/')).text, 'one')
  assert.equal((await http.askAt(two, host, '/')).text, 'two')
})

test('an answer that is no JSON says so with its beginning', async () => {
  const address = await serve((_, response) => void response.end('n8n is starting up. Please wait'))
  const answer = await behindBalancer(address).ask(host, '/')
  assert.throws(() => answer.json(), /answer 200 is not JSON: n8n is starting up/)
})

test('of a page without end only the first megabytes are read', async () => {
  const address = await serve((_, response) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(65536)));
    }
    response.on('drain', more)
    more()
  })
  const { text } = await behindBalancer(address).ask(host, '/')
  assert.ok(text.length > 4_000_000 && text.length < 5_000_000, `${text.length}`)
})

test('nothing listens: refused', async () => {
  const address = await serve(() => {})
  await new Promise((resolve) => opened.at(-1)?.close(resolve))
  await assert.rejects(
    behindBalancer(address).ask(host, '/'),
    fails(exitCodes.unreachable, new RegExp(`${host} at ${address}: connection refused`)),
  )
})

test('a server that never answers, and one that drips: no answer, within the time given', async () => {
  const silent = await serve(() => {})
  const dripping = await serve((_, response) => {
    const timer = setInterval(() => response.write('.'), 20)
    response.on('close', () => clearInterval(timer))
  })
  for (const address of [silent, dripping]) {
    const started = performance.now()
    await assert.rejects(
      behindBalancer(address).ask(host, '/', { timeoutSeconds: 0.3 }),
      fails(exitCodes.unreachable, /no answer/),
    )
    assert.ok(performance.now() - started < 2000)
  }
})

test('a request that is called off ends at once, and its connection with it', async () => {
  const over = new AbortController()
  let close = () => {}
  const closed = new Promise<void>((resolve) => (close = resolve))
  const address = await serve(({ socket }) => {
    socket.on('close', close)
    over.abort()
  })
  const asking = behindBalancer(address).ask(host, '/', { signal: over.signal, timeoutSeconds: 60 })
  await assert.rejects(asking, fails(exitCodes.unreachable, /aborted/))
  await closed
})

test('a connection that breaks in the middle of an answer is no answer', async () => {
  const address = await serve((_, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('half', () => response.destroy())
  })
  await assert.rejects(
    behindBalancer(address).ask(host, '/'),
    fails(exitCodes.unreachable, /aborted|hang up|reset/),
  )
})

// A label of 64 characters is one too long for any DNS: the resolver refuses it without asking anybody.
test('without an ingress address a name DNS does not know is told apart', async () => {
  const http = createHttp({ ENV: 'dev', TLS_MODE: 'load-balancer' })
  await assert.rejects(
    http.ask(`${'x'.repeat(64)}.invalid`, '/'),
    fails(exitCodes.unreachable, /not known to DNS/),
  )
})

test('a certificate that is not accepted is a question of trust, plain HTTP is not', async () => {
  // Made here: a key, even one that opens nothing, has no place in a repository.
  const words =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost -keyout - -out -'
  const pem = execFileSync('openssl', words.split(' '), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const self = await listen(createTlsServer({ key: pem, cert: pem }, (_, response) => void response.end()))
  const plain = await serve((_, response) => void response.end())
  await assert.rejects(
    throughIssuer(self).ask(host, '/'),
    fails(exitCodes.trust, /certificate is not accepted/),
  )
  await assert.rejects(
    throughIssuer(plain).ask(host, '/'),
    fails(exitCodes.unreachable, /does not speak TLS/),
  )
  // Its end is asked for, whoever signed it.
  const hours = ((await throughIssuer(self).certificateEnd(self)).getTime() - Date.now()) / 3_600_000
  assert.ok(hours > 23 && hours <= 24, String(hours))
  await assert.rejects(
    throughIssuer(self).certificateEnd('127.0.0.1:1'),
    fails(exitCodes.unreachable, /connection refused/),
  )
})

test('a connection that ends during the TLS handshake is no question of trust: exit 6', async () => {
  const heard = (then: (socket: Socket) => void) =>
    listen(createTcpServer((socket) => void socket.on('error', () => {}).once('data', () => then(socket))))
  const [closing, resetting] = await Promise.all([
    heard((socket) => socket.end()),
    heard((socket) => socket.resetAndDestroy()),
  ])
  for (const address of [closing, resetting])
    await assert.rejects(
      throughIssuer(address).ask(host, '/'),
      fails(exitCodes.unreachable, /socket disconnected before secure TLS|ECONNRESET/),
    )
  await assert.rejects(
    throughIssuer(closing).certificateEnd(closing),
    fails(exitCodes.unreachable, /socket disconnected before secure TLS/),
  )
})

/** A server that answers a WebSocket handshake rightly, then does `then`. */
async function webSocketServer(then: (socket: Duplex, request: IncomingMessage) => void): Promise<string> {
  const server: Server = createServer((_, response) => void response.writeHead(404).end())
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => {})
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    then(socket, request)
  })
  return listen(server)
}

test('a WebSocket that stays open is kept, also when its messages hold the byte of a closing frame', async () => {
  // È is C3 88 in UTF-8, and 0x88 begins a closing frame.
  const words = Buffer.from('{"type":"È"}')
  const long = Buffer.alloc(300, 0x88)
  const address = await webSocketServer((socket) => {
    socket.write(Buffer.concat([Buffer.from([0x81, words.length]), words]))
    socket.write(Buffer.concat([Buffer.from([0x82, 126, 1, 44]), long]))
  })
  assert.deepEqual(await behindBalancer(address).upgrade(host, '/push', {}), { status: 101, kept: true })
})

test('a WebSocket that is refused, at the handshake or after it, is told apart', async () => {
  const closing = await webSocketServer((socket, { headers }) => {
    if (headers.origin !== `https://${host}`) socket.write(Buffer.from([0x81, 1, 120, 0x88, 2, 3, 232]))
  })
  const ending = await webSocketServer((socket) => void socket.end())
  const without = await serve((_, response) => void response.writeHead(400).end())
  const upgrade = (address: string, origin: string) => behindBalancer(address).upgrade(host, '/', { origin })
  assert.deepEqual(await upgrade(closing, 'https://elsewhere.example.com'), { status: 101, kept: false })
  assert.deepEqual(await upgrade(closing, `https://${host}`), { status: 101, kept: true })
  assert.deepEqual(await upgrade(ending, `https://${host}`), { status: 101, kept: false })
  assert.deepEqual(await upgrade(without, `https://${host}`), { status: 400, kept: false })
})

test('a WebSocket nobody answers is no answer', async () => {
  const address = await listen(createTcpServer((socket) => void socket.on('error', () => {}).destroy()))
  await assert.rejects(
    behindBalancer(address).upgrade(host, '/', {}),
    fails(exitCodes.unreachable, /hang up|reset/),
  )
})

const isRefusal = (thrown: unknown): boolean =>
  thrown instanceof KitError &&
  thrown.exitCode === exitCodes.usage &&
  /^INGRESS_ADDRESSES: .*192\.0\.2\.7,? is not in a private range .* in plain HTTP$/.test(thrown.message)

test('plain HTTP, with the passwords checks sign in with, goes to no public address: exit 2 before anything is sent', async () => {
  const http = behindBalancer('192.0.2.7:80')
  await assert.rejects(
    http.ask(host, '/rest/login', { method: 'POST', json: { password: 'secret' } }),
    isRefusal,
  )
  await assert.rejects(http.askAt('192.0.2.7', host, '/'), isRefusal)
  await assert.rejects(http.upgrade(host, '/push', {}), isRefusal)
})

test('a name in INGRESS_ADDRESSES is asked by plain HTTP only where it leads to private addresses', async (context) => {
  const address = await serve((_request, response) => void response.end('here'))
  const port = address.split(':')[1]
  const found = (...addresses: string[]) => {
    context.mock.restoreAll()
    const list = addresses.map((one) => ({ address: one, family: 4 }))
    context.mock.method(
      dns,
      'lookup',
      (_name: string, options: { all?: boolean }, done: (...words: unknown[]) => void) =>
        options.all === true ? done(null, list) : done(null, addresses[0], 4),
    )
    syncBuiltinESMExports()
  }
  try {
    found('127.0.0.1')
    assert.equal((await behindBalancer(`node-1:${port}`).ask(host, '/')).text, 'here')
    found('127.0.0.1', '192.0.2.7')
    await assert.rejects(behindBalancer(`node-1:${port}`).ask(host, '/'), isRefusal)
  } finally {
    context.mock.restoreAll()
    syncBuiltinESMExports()
  }
})

test('the ingress controller’s own certificate is waited out while it receives the one just issued; another is not', async () => {
  const refusedBy = (code: string) =>
    new KitError('its certificate is not accepted', {
      exitCode: exitCodes.trust,
      cause: Object.assign(new Error('certificate'), { code }),
    })
  const answering = (...answers: (KitError | { status: number; text: string })[]) => {
    const ask = () => {
      const next = answers.length > 1 ? answers.shift() : answers[0]
      return next instanceof KitError ? Promise.reject(next) : Promise.resolve(next)
    }
    return { ask } as unknown as Http
  }
  const own = refusedBy('DEPTH_ZERO_SELF_SIGNED_CERT')
  const page = { status: 200, text: 'n8n' }
  assert.equal(await askByName(answering(own, own, page), 'n8n.example.com', '/'), page)
  const foreign = refusedBy('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  await assert.rejects(askByName(answering(foreign, page), 'n8n.example.com', '/'), foreign)
})
