import { request as requestPlain, type IncomingMessage } from 'node:http'
import { request as requestTls } from 'node:https'
import { isIP, type Socket } from 'node:net'
import { connect } from 'node:tls'
import { exitCodes, KitError } from './errors.mts'
import type { Proxy } from './proxy-choice.mts'

// A connection to an https address by way of a proxy: CONNECT, then TLS with the address itself. Before version 24,
// Node's own fetch and https do not read the proxy variables.

/** A proxy for messages, without user and password: `proxy.example.com:3128`. */
export const shownProxy = ({ host, port }: Proxy): string => `${host}:${port}`

/**
 * Opens a connection through a proxy.
 * @param target an https address
 * @returns the socket before its TLS handshake is done: a certificate that is not accepted is an `error` event of it
 * @throws KitError exit 8 when the proxy refuses (HTTP below 500), exit 6 when it cannot reach the address (5xx); the
 *   error of Node when the proxy itself cannot be reached, or `signal` is aborted
 */
export async function openTunnel(proxy: Proxy, target: URL, signal: AbortSignal): Promise<Socket> {
  const host = target.hostname.replace(/^\[(.*)\]$/, '$1')
  const authority = `${target.hostname}:${target.port || '443'}`
  const { answer, socket } = await ask(proxy, authority, signal)
  // Any 2xx (RFC 9110, 9.3.6).
  if (Math.floor((answer.statusCode ?? 0) / 100) === 2)
    return connect({ socket, host, ...(isIP(host) === 0 ? { servername: host } : {}) })
  socket.destroy()
  throw refusal(proxy, authority, answer.statusCode ?? 0)
}

interface Asked {
  readonly answer: IncomingMessage
  readonly socket: Socket
}

const ask = (proxy: Proxy, authority: string, signal: AbortSignal): Promise<Asked> =>
  new Promise((resolve, reject) => {
    const { host, port, authorization } = proxy
    const request = (proxy.tls ? requestTls : requestPlain)({
      host,
      port,
      method: 'CONNECT',
      path: authority,
      headers: {
        host: authority,
        ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
      },
      agent: false,
      signal,
    })
    request.on('connect', (answer, socket: Socket) => {
      // For an error before the TLS socket has its listener, which would be uncaught: TLS reports its own error.
      socket.on('error', () => undefined)
      resolve({ answer, socket })
    })
    request.on('error', reject)
    request.end()
  })

function refusal(proxy: Proxy, authority: string, status: number): KitError {
  const what = `the proxy ${shownProxy(proxy)} refuses ${authority}: HTTP ${status}`
  if (status === 407)
    return new KitError(what, {
      exitCode: exitCodes.denied,
      details: [proxy.authorization === undefined ? 'It wants an account.' : 'It does not take the account.'],
      hint: 'write the account into HTTPS_PROXY: http://user:password@proxy.example.com:3128',
    })
  if (status < 500)
    return new KitError(what, {
      exitCode: exitCodes.denied,
      hint: `let it through to ${authority} on the proxy; or name the host in NO_PROXY when this machine reaches it directly`,
    })
  return new KitError(what, {
    exitCode: exitCodes.unreachable,
    details: ['The proxy answers, and does not reach that host itself.'],
    hint: 'look at the proxy, then run the same command again',
  })
}
