import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { mostAnnounced } from '../../../lib/checks/http-announce.mts'
import { createHttp } from '../../../lib/checks/http.mts'
import { refusingRivals } from '../../../lib/checks/rivals.mts'

// Real requests, to small servers on 127.0.0.1.

const host = 'api.dev.example.com'
const tooMany = 50 * 1024 * 1024 + 1
const opened: ReturnType<typeof createServer>[] = []
after(() => opened.forEach((server) => server.close()))

async function announceTo(listener: RequestListener) {
  const server = createServer(listener)
  opened.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const http = createHttp({ ENV: 'dev', TLS_MODE: 'load-balancer', INGRESS_ADDRESSES: address })
  return http.announce(host, '/health', tooMany)
}

test('who refuses by the announced length is sent one piece, or few where its answer takes long', async () => {
  let seen: object = {}
  const { answer, sent } = await announceTo(({ method, headers }, response) => {
    seen = { method, host: headers.host, length: headers['content-length'] }
    response.writeHead(413, { connection: 'close' }).end('Request Entity Too Large')
  })
  assert.deepEqual([answer?.status, answer?.text], [413, 'Request Entity Too Large'])
  assert.ok(sent < mostAnnounced / 2, String(sent))
  assert.deepEqual(seen, { method: 'POST', host, length: String(tooMany) })
})

test('an application that reads on gets 1 MiB and a closed connection, never the rest; what it says early is told', async () => {
  let read = 0
  let ended: (value: unknown) => void = () => {}
  const closed = new Promise((resolve) => (ended = resolve))
  const { answer, sent } = await announceTo((request, response) => {
    request.on('data', (bytes: Buffer) => (read += bytes.length))
    request.on('end', () => response.end('whole'))
    request.on('error', () => {}).on('close', ended)
  })
  await closed
  assert.deepEqual([answer, sent, read], [undefined, mostAnnounced, mostAnnounced])
  const early = await announceTo((_request, response) => response.writeHead(404).end('no route'))
  assert.equal(early.answer?.status, 404)
})

test('no response at all is exit 6, and another Ingress of that name is asked nothing', async () => {
  await assert.rejects(
    announceTo(({ socket }) => void socket.destroy()),
    { exitCode: 6 },
  )
  const http = createHttp({ ENV: 'dev', TLS_MODE: 'load-balancer', INGRESS_ADDRESSES: '127.0.0.1:1' })
  const rival = {
    host,
    path: '/',
    isSame: true,
    theirs: { kind: 'Ingress', metadata: { namespace: 'a', name: 'b' } },
  }
  const refusing = refusingRivals(http, () => Promise.resolve([rival as never]))
  await assert.rejects(refusing.announce(host, '/', tooMany), { exitCode: 5 })
})
