import { exchange, type Target, type HttpAnswer, type Upgrade } from './http-exchange.mts'
import type { Settings } from '../settings/settings.mts'
import { itemsOf } from '../settings/validators.mts'
import { pollIngress } from '../base/poll.mts'
import { hasCode, KitError } from '../base/errors.mts'
import { connect } from 'node:tls'
import { explained } from './http-errors.mts'
import type { Announced } from './http-announce.mts'

export interface HttpRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as a browser sends a form, in place of JSON. */
  readonly form?: Readonly<Record<string, string>>
  readonly timeoutSeconds?: number
  /** Ends the request without a response: exit 6. */
  readonly signal?: AbortSignal
}

/**
 * Requests as a visitor of the public name sends them. Each method throws KitError: exit 6 without a response, exit 7
 * when the certificate is not accepted, exit 2 when plain HTTP would go to a public address.
 */
export interface Http {
  /** Through the first of INGRESS_ADDRESSES, or by DNS when none is set. @param host the public name */
  ask(host: string, path: string, request?: HttpRequest): Promise<HttpAnswer>
  /** As `ask`, at one address `host:port`. */
  askAt(address: string, host: string, path: string, request?: HttpRequest): Promise<HttpAnswer>
  /** A POST whose body is announced with so many bytes, of which 1 MiB at most is sent, until a response comes. */
  announce(host: string, path: string, bytes: number): Promise<Announced>
  /** When the certificate at `host:port` expires, whichever CA signed it. */
  certificateEnd(address: string): Promise<Date>
  /** A WebSocket handshake, and whether the server kept the connection for so many milliseconds, usually 1500. */
  upgrade(
    host: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    keptMilliseconds?: number,
  ): Promise<Upgrade>
}

/**
 * Requests through the ingress of an environment. With INGRESS_ADDRESSES they go to the first of them, with the public
 * name as Host; with TLS_MODE load-balancer they are plain HTTP, with the headers that the load balancer would add.
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
        ...(request.signal === undefined ? {} : { signal: request.signal }),
        headers: {
          host,
          // Applications reject clients whose user agent contains "bot" (n8n answers 204).
          'user-agent': 'keybuzz-installer',
          ...(plain
            ? { 'x-forwarded-proto': 'https', 'x-forwarded-port': '443', 'x-forwarded-host': host }
            : {}),
          ...(request.json === undefined ? {} : { 'content-type': 'application/json' }),
          ...(request.form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
          ...request.headers,
        },
      },
    }
  }

  const askAt = (address: string | undefined, host: string, path: string, request: HttpRequest = {}) =>
    exchange(optionsFor(address, host, path, request), bodyOf(request))

  return {
    ask: (host, path, request) => askAt(first, host, path, request),
    askAt,
    // Only one check sends such a body.
    announce: async (host, path, bytes) =>
      (await import('./http-announce.mts')).announce(
        optionsFor(first, host, path, {
          method: 'POST',
          timeoutSeconds: 30,
          headers: { 'content-type': 'application/octet-stream' },
        }),
        bytes,
      ),
    certificateEnd,
    // Only two checks use the WebSocket library: it is loaded on their first call.
    upgrade: async (host, path, headers, keptMilliseconds) =>
      (await import('./http-upgrade.mts')).handshake(
        optionsFor(first, host, path, { headers }),
        keptMilliseconds,
      ),
  }
}

function bodyOf({ json, form }: HttpRequest): string | undefined {
  if (form !== undefined) return new URLSearchParams(form).toString()
  return json === undefined ? undefined : JSON.stringify(json)
}

/**
 * Requests a page of an application by its public name. Repeats it while the ingress controller answers with its own
 * error page or its own certificate: it receives a new Ingress, a certificate, and pods that became ready, a moment
 * after the API server.
 * @throws KitError exit 2, 6 or 7, see Http; Cancelled (130) or KitError exit 143 on a signal
 */
export async function askByName(
  http: Http,
  host: string,
  path: string,
  request?: HttpRequest,
): Promise<HttpAnswer> {
  const found = await pollIngress<HttpAnswer | KitError>(
    () =>
      http.ask(host, path, request).catch((thrown: unknown) => {
        if (isOwnCertificate(thrown)) return thrown
        throw thrown
      }),
    (answer) => !(answer instanceof KitError) && !isNobody(answer),
  )
  if (found instanceof KitError) throw found
  return found
}

/** True for a self-signed certificate: the ingress controller has one until it receives another. */
const isOwnCertificate = (thrown: unknown): thrown is KitError =>
  thrown instanceof KitError && hasCode(thrown.cause, 'DEPTH_ZERO_SELF_SIGNED_CERT')

/** True for an error page of the ingress controller (Traefik, nginx): unknown name, or no response from a pod. */
const isNobody = ({ status, text }: HttpAnswer): boolean =>
  // An application's own 502, 503 or 504 has a JSON body.
  ([502, 503, 504].includes(status) && !text.startsWith('{')) ||
  (status === 404 && /^404 page not found\s*$|<center>nginx/.test(text))

/**
 * When the certificate of a server expires. It is not verified.
 * @param address host:port
 * @throws KitError exit 6 when there is no response within 5 s, or no TLS
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
