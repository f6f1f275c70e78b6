import { request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as requestTls } from 'node:https'
import { exitCodes, hasCode, KitError } from './errors.mts'
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
  readonly headers: IncomingMessage['headers']
  readonly text: string
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
  /** A WebSocket handshake, and whether the server kept the connection for a moment. */
  upgrade(host: string, path: string, headers: Readonly<Record<string, string>>): Promise<Upgrade>
}

/** Milliseconds in which a server that refuses a WebSocket after its handshake has closed it. */
const settle = 1500

/** Bytes of an answer that are read; a page that is longer is not what a check looks for. */
const largest = 4 * 1024 * 1024

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
      options: {
        host: connect,
        port: port === undefined ? 443 : Number(port),
        servername: host,
        path,
        method: request.method ?? 'GET',
        timeout: (request.timeoutSeconds ?? 10) * 1000,
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
    send(
      optionsFor(address, host, path, request),
      request.json === undefined ? undefined : JSON.stringify(request.json),
    )

  return {
    ask: (host, path, request) => askAt(first, host, path, request),
    askAt,
    upgrade(host, path, headers) {
      const handshake = {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': Buffer.from('keybuzz-handshake').toString('base64').slice(0, 22) + '==',
      }
      const target = optionsFor(first, host, path, { headers: { ...handshake, ...headers } })
      return handshakeWith(target)
    },
  }
}

interface Target {
  readonly plain: boolean
  readonly options: RequestOptions & { servername: string }
}

function send({ plain, options }: Target, body: string | undefined): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = (plain ? requestPlain : requestTls)(options, (response) => {
      readBody(response).then((text) => resolve(answerOf(response, text)), reject)
    })
    // The option only reports silence; it is for us to end the request.
    request.on('timeout', () => request.destroy(new Error('timeout')))
    request.on('error', (cause) => reject(explained(cause, options)))
    request.end(body)
  })
}

function handshakeWith({ plain, options }: Target): Promise<Upgrade> {
  return new Promise((resolve, reject) => {
    const request = (plain ? requestPlain : requestTls)(options, (response) => {
      resolve({ status: response.statusCode ?? 0, kept: false })
      response.destroy()
    })
    request.on('upgrade', ({ statusCode = 0 }, socket, first) => {
      const answer = (kept: boolean) => {
        clearTimeout(timer)
        socket.destroy()
        resolve({ status: statusCode, kept })
      }
      const timer = setTimeout(answer, settle, true)
      socket
        .on('end', () => answer(false))
        .on('close', () => answer(false))
        .on('error', () => answer(false))
      // The closing frame of RFC 6455 begins with 0x88; it may come along with the handshake's answer.
      const look = (frame: Buffer) => void (frame.includes(0x88) && answer(false))
      socket.on('data', look)
      look(first)
    })
    request.on('timeout', () => request.destroy(new Error('timeout')))
    request.on('error', (cause) => reject(explained(cause, options)))
    request.end()
  })
}

async function readBody(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of response as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > largest) break
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

const answerOf = ({ statusCode = 0, headers }: IncomingMessage, text: string): HttpAnswer => ({
  status: statusCode,
  headers,
  text,
  json() {
    try {
      return JSON.parse(text) as unknown
    } catch (cause) {
      throw new KitError(`answer ${statusCode} is not JSON: ${text.slice(0, 80)}`, {
        exitCode: exitCodes.validationFailed,
        cause,
      })
    }
  },
})

/** Why there was no answer, told apart, because each is repaired elsewhere. */
function explained(cause: Error, { host, port, servername }: Target['options']): KitError {
  const where = `${servername} at ${host}:${port}`
  if (hasCode(cause, 'ECONNREFUSED'))
    return unreachable(`${where}: connection refused`, 'nothing listens there', cause)
  if (hasCode(cause, 'ENOTFOUND', 'EAI_AGAIN')) {
    return unreachable(
      `${where}: the name is not known to DNS`,
      'create the DNS record, or set INGRESS_ADDRESSES',
      cause,
    )
  }
  if (cause.message === 'timeout' || hasCode(cause, 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH')) {
    return unreachable(
      `${where}: no answer`,
      'look at the firewall on the way, then at the ingress pod',
      cause,
    )
  }
  if (/certificate|CERT|SSL|TLS/.test(`${cause.message} ${'code' in cause ? String(cause.code) : ''}`)) {
    return new KitError(`${where}: its certificate is not accepted: ${cause.message}`, {
      exitCode: exitCodes.trust,
      hint: 'check the certificate of that name where TLS ends',
      cause,
    })
  }
  return unreachable(
    `${where}: ${cause.message}`,
    'the connection broke: ask again, then look at the ingress pod',
    cause,
  )
}

const unreachable = (what: string, hint: string, cause: Error): KitError =>
  new KitError(what, { exitCode: exitCodes.unreachable, hint, cause })
