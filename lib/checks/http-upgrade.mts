import type { RequestOptions } from 'node:https'
import WebSocket, { type ClientOptions } from 'ws'
import { explained } from './http-errors.mts'
import { privateLookup, refusalOf } from './private-target.mts'
import type { Target, Upgrade } from './http-exchange.mts'

/** Milliseconds within which a server closes a WebSocket that it refuses after the handshake, unless a check says. */
const usualMilliseconds = 1500

/** Most bytes of a message; checks read none. */
const mostBytes = 1024 * 1024

/**
 * Makes a WebSocket handshake, and observes whether the connection stays open.
 * @param keptMilliseconds for how long it must, to be kept
 * @throws KitError exit 6 without a response, exit 7 when its certificate is not accepted, exit 2 when plain HTTP would
 *   go to a public address
 */
export async function handshake(
  { plain, milliseconds, options }: Target,
  keptMilliseconds = usualMilliseconds,
): Promise<Upgrade> {
  const { host, port, path = '/', servername, headers = {} } = options
  const { 'sec-websocket-protocol': protocol, ...others } = headers as Record<string, string>
  const refusal = plain ? refusalOf(host ?? '') : undefined
  if (refusal !== undefined) throw refusal
  const how: ClientOptions & Pick<RequestOptions, 'servername' | 'lookup'> = {
    servername,
    ...(plain ? { lookup: privateLookup } : {}),
    headers: others,
    handshakeTimeout: milliseconds,
    maxPayload: mostBytes,
    perMessageDeflate: false,
  }
  const address = `${plain ? 'ws' : 'wss'}://${host}:${port}${path}`
  const socket = new WebSocket(address, protocol === undefined ? [] : [protocol], how)
  const answer = new Promise<Upgrade>((resolve, reject) => {
    socket.on('unexpected-response', (_request, response) => {
      resolve({ status: response.statusCode ?? 0, kept: false })
      response.destroy()
    })
    socket.on('open', () => {
      // A server that has sent its close frame may leave closing the connection to the client.
      const isKept = () => socket.readyState === WebSocket.OPEN
      const timer = setTimeout(() => resolve({ status: 101, kept: isKept() }), keptMilliseconds)
      socket.on('close', () => {
        clearTimeout(timer)
        resolve({ status: 101, kept: false })
      })
    })
    // After a response this has no effect: a promise settles once.
    socket.on('error', (cause) =>
      reject(explained(/timed out/.test(cause.message) ? new Error('timeout', { cause }) : cause, options)),
    )
  })
  return answer.finally(() => socket.terminate())
}
