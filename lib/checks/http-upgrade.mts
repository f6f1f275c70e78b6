import type { RequestOptions } from 'node:https'
import WebSocket, { type ClientOptions } from 'ws'
import { explained } from './http-errors.mts'
import { privateLookup, refusalOf } from './private-target.mts'
import type { Target, Upgrade } from './http-exchange.mts'

/** Milliseconds in which a server that refuses a WebSocket after its handshake has closed it. */
const settleMilliseconds = 1500

/** Bytes of a message that are read; a check looks at none. */
const mostBytes = 1024 * 1024

/** Asks for a WebSocket, and looks for a moment whether it stays open. @throws KitError without an answer */
export async function handshake({ plain, milliseconds, options }: Target): Promise<Upgrade> {
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
      // A server that has sent its closing frame may leave the connection to us.
      const isKept = () => socket.readyState === WebSocket.OPEN
      const timer = setTimeout(() => resolve({ status: 101, kept: isKept() }), settleMilliseconds)
      socket.on('close', () => {
        clearTimeout(timer)
        resolve({ status: 101, kept: false })
      })
    })
    // Behind an answer this changes nothing: a promise settles once.
    socket.on('error', (cause) =>
      reject(explained(/timed out/.test(cause.message) ? new Error('timeout', { cause }) : cause, options)),
    )
  })
  return answer.finally(() => socket.terminate())
}
