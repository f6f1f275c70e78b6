import type { IncomingHttpHeaders } from 'node:http'
import { certificateEnd } from './certificate-end.mts'
import { exchange, handshake, type Target } from './http-exchange.mts'
import type { Settings } from './settings.mts'
import { itemsOf } from './validate.mts'

export interface HttpRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  readonly timeoutSeconds?: number
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Until when the certificate it came by is good; undefined without TLS. */
  readonly certificateEnd?: Date
  /** The body as JSON. @throws KitError exit 10 when it is none */
  json(): unknown
}

export interface Upgrade {
  /** 101 when the handshake was accepted. */
  readonly status: number
  /** False when the server ended the connection at once: some refuse only after the handshake. */
  readonly kept: boolean
}

/** Requests as a visitor of the public name sends them. */
export interface Http {
  /** Through the ingress, or by DNS when no ingress address is set. @throws KitError when there is no answer */
  ask(host: string, path: string, request?: HttpRequest): Promise<HttpAnswer>
  /** The same, at one address `host:port`. */
  askAt(address: string, host: string, path: string, request?: HttpRequest): Promise<HttpAnswer>
  /** Until when the certificate at `host:port` is good, whoever signed it. @throws KitError when there is none */
  certificateEnd(address: string): Promise<Date>
  /** A WebSocket handshake, and whether the server kept the connection for a moment. */
  upgrade(host: string, path: string, headers: Readonly<Record<string, string>>): Promise<Upgrade>
}

/** The handshake of RFC 6455; its key is any 16 bytes, the answer to it is not what is asked here. */
const webSocket = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': Buffer.from('keybuzz-installer').subarray(0, 16).toString('base64'),
} as const

/**
 * Requests through the ingress of an environment. With INGRESS_ADDRESSES they go to the first of them, carrying
 * the public name; behind a load balancer that ends TLS they carry what it would add.
 */
export function createHttp(settings: Settings): Http {
  const [first] = itemsOf(settings['INGRESS_ADDRESSES'] as string | undefined)
  const atLoadBalancer = settings['TLS_MODE'] === 'load-balancer'

  function optionsFor(address: string | undefined, host: string, path: string, request: HttpRequest): Target {
    const [connect = host, port] = (address ?? host).split(/:(?=\d+$)/)
    const plain = address !== undefined && atLoadBalancer
    return {
      plain,
      milliseconds: (request.timeoutSeconds ?? 10) * 1000,
      options: {
        host: connect,
        port: port === undefined ? 443 : Number(port),
        servername: host,
        path,
        method: request.method ?? 'GET',
        headers: {
          host,
          // Applications turn clients whose name holds "bot" away (n8n answers 204).
          'user-agent': 'keybuzz-installer',
          ...(plain
            ? { 'x-forwarded-proto': 'https', 'x-forwarded-port': '443', 'x-forwarded-host': host }
            : {}),
          ...(request.json === undefined ? {} : { 'content-type': 'application/json' }),
          ...request.headers,
        },
      },
    }
  }

  const askAt = (address: string | undefined, host: string, path: string, request: HttpRequest = {}) =>
    exchange(
      optionsFor(address, host, path, request),
      request.json === undefined ? undefined : JSON.stringify(request.json),
    )

  return {
    ask: (host, path, request) => askAt(first, host, path, request),
    askAt,
    certificateEnd,
    upgrade: (host, path, headers) =>
      handshake(optionsFor(first, host, path, { headers: { ...webSocket, ...headers } })),
  }
}
