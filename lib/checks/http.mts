import { exchange, type Target, type HttpAnswer, type Upgrade } from './http-exchange.mts'
import type { Settings } from '../settings/settings.mts'
import { itemsOf } from '../settings/validators.mts'
import { pollIngress } from '../base/poll.mts'
import { connect } from 'node:tls'
import { explained } from './http-errors.mts'

export interface HttpRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  readonly timeoutSeconds?: number
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
    // Two checks need it: the library is loaded by them.
    upgrade: async (host, path, headers) =>
      (await import('./http-upgrade.mts')).handshake(optionsFor(first, host, path, { headers })),
  }
}

/**
 * Asks an application by its public name; again while the ingress, and not the application, says that nobody is
 * there: it learns of a new Ingress, and of pods that became ready, a moment after the API server.
 */
export const askByName = (
  http: Http,
  host: string,
  path: string,
  request?: HttpRequest,
): Promise<HttpAnswer> =>
  pollIngress(
    () => http.ask(host, path, request),
    (answer) => !isNobody(answer),
  )

/** The ingress's own word: Traefik's and nginx' page for a name they do not know yet, or for pods that do not answer. */
const isNobody = ({ status, text }: HttpAnswer): boolean =>
  // An application that answers so itself does it in JSON.
  ([502, 503, 504].includes(status) && !text.startsWith('{')) ||
  (status === 404 && /^404 page not found\s*$|<center>nginx/.test(text))

/**
 * Until when the certificate of a server is good. Its end is asked for, not whether it is trusted.
 * @param address host:port
 * @throws KitError when there is no answer within 5 s, or no TLS
 */
export function certificateEnd(address: string): Promise<Date> {
  const [host = '', port = '443'] = address.split(/:(?=\d+$)/)
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, timeout: 5000 })
    const fail = (cause: Error) => {
      socket.destroy()
      reject(explained(cause, { host, port, servername: host }))
    }
    socket.on('error', fail).on('timeout', () => fail(new Error('timeout')))
    socket.on('secureConnect', () => {
      const { valid_to } = socket.getPeerCertificate()
      socket.destroy()
      resolve(new Date(valid_to))
    })
  })
}
