import assert from 'node:assert/strict'
import { createServer as createPlain } from 'node:http'
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net'
import { connect, createServer as createTls, type ConnectionOptions } from 'node:tls'
import { after, test } from 'node:test'
import { networkFailureOf, type NetworkFailure } from '../../../lib/base/network-errors.mts'
import { makeAuthority } from '../backends/authority.mts'
import { freePort } from '../free-port.mts'

// Real TLS handshakes with servers on 127.0.0.1: the words and codes of Node's errors differ between its versions.

const { ca, key, certificate } = makeAuthority('IP:127.0.0.1')
const opened: Server[] = []
after(() => opened.forEach((server) => server.close()))

async function portOf(server: Server): Promise<number> {
  opened.push(server)
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const heard = (then: (socket: Socket) => void) =>
  createTcp((socket) => void socket.on('error', () => {}).once('data', () => then(socket)))

/** The error of a TLS handshake. */
const errorAt = (port: number, options: ConnectionOptions = {}): Promise<Error> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca, ...options })
    socket.on('error', resolve).on('secureConnect', () => {
      socket.destroy()
      reject(new Error('the handshake succeeds'))
    })
  })

const tls = () => createTls({ key, cert: certificate }, (socket) => void socket.end())

for (const [what, failure, server, options] of [
  ['is reset during the handshake', 'broken', () => heard((socket) => socket.resetAndDestroy()), {}],
  ['is closed during the handshake', 'broken', () => heard((socket) => socket.end()), {}],
  ['meets plain HTTP', 'noTls', () => createPlain(), {}],
  [
    'meets bytes of another protocol',
    'noTls',
    () => heard((socket) => void socket.write(`\u0016\u0003\u0003\u00ff\u00ff${'x'.repeat(2e4)}`, 'latin1')),
    {},
  ],
  [
    'meets another TLS version only',
    'tlsRefused',
    () => createTls({ key, cert: certificate, minVersion: 'TLSv1.3' }),
    { maxVersion: 'TLSv1.2' },
  ],
  ['meets an unknown CA', 'untrusted', tls, { ca: [] }],
  [
    'meets a certificate for another name',
    'untrusted',
    tls,
    { servername: 'n8n.example.com', host: '127.0.0.1' },
  ],
] as const satisfies readonly (readonly [string, NetworkFailure, () => Server, ConnectionOptions])[]) {
  test(`a connection that ${what} is ${failure}`, async () => {
    const thrown = await errorAt(await portOf(server()), options)
    assert.equal(
      networkFailureOf(thrown),
      failure,
      `${(thrown as NodeJS.ErrnoException).code} ${thrown.message}`,
    )
  })
}

test('a connection to a port where nothing listens is refused', async () => {
  assert.equal(networkFailureOf(await errorAt(await freePort())), 'refused')
})

test('the codes that other versions of Node give, and those of certificates that are hard to make', () => {
  const coded = (code: string, message = code) => Object.assign(new Error(message), { code })
  for (const code of [
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERROR_IN_CERT_NOT_AFTER_FIELD',
    'UNSPECIFIED',
  ])
    assert.equal(networkFailureOf(coded(code)), 'untrusted', code)
  for (const code of ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO'])
    assert.equal(networkFailureOf(coded(code)), 'noTls', code)
  for (const code of ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'])
    assert.equal(networkFailureOf(coded(code)), 'tlsRefused', code)
  assert.equal(networkFailureOf(coded('EAI_AGAIN')), 'unknownName')
  assert.equal(networkFailureOf(coded('EHOSTUNREACH')), 'silent')
  for (const thrown of [
    new Error('no certificate here'),
    coded('EPIPE', 'write EPIPE: TLS'),
    'SSL',
    undefined,
  ])
    assert.equal(networkFailureOf(thrown), 'broken')
})
