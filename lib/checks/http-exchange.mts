import { shortened } from '../base/sensitive.mts'
import {
  request as requestPlain,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  type IncomingHttpHeaders,
} from 'node:http'
import { request as requestTls } from 'node:https'
import { TLSSocket } from 'node:tls'
import { exitCodes, KitError } from '../base/errors.mts'
import { interruption } from '../base/signals.mts'
import { privateLookup, refusalOf } from './private-target.mts'
import { explained } from './http-errors.mts'

// One HTTP request. Not by fetch, which does not let its caller set Host.

/** The target of one request; `plain` is HTTP without TLS, `milliseconds` the time limit of the whole exchange. */
export interface Target {
  readonly plain: boolean
  readonly milliseconds: number
  readonly options: RequestOptions & { readonly servername: string }
}

/** Most bytes of a body that are read; the rest is ignored: no check needs a longer page. */
const largest = 4 * 1024 * 1024

/**
 * Sends one request and reads its response.
 * @throws KitError exit 6 without a response, exit 7 when its certificate is not accepted, exit 2 when plain HTTP would
 *   go to a public address
 */
export function exchange(target: Target, body: string | undefined): Promise<HttpAnswer> {
  return within(target, (open, resolve, reject) => {
    open((response) => readAnswer(response).then(resolve, reject)).end(body)
  })
}

/** Reads a response to its end. @throws Error when the connection breaks */
export async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  // Read while the connection is open.
  const end = certificateEndOf(response)
  return answerOf(response, await readBody(response), end)
}

type Open = (answered: (response: IncomingMessage) => unknown) => ClientRequest

/**
 * Runs one request under its time limit, and rejects with a KitError from `explained`.
 * @throws KitError as exchange; Cancelled (130) or KitError exit 143 for a request that failed after a signal
 */
export function within<T>(
  { plain, milliseconds, options }: Target,
  run: (open: Open, resolve: (value: T) => void, reject: (cause: Error) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let late = false
    const fail = (cause: Error) => {
      // A signal may be what ended the request.
      const reason = interruption.reasonOf(cause)
      reject(reason === cause ? explained(late ? new Error('timeout', { cause }) : cause, options) : reason)
    }
    // Refused before anything is sent: Node calls `lookup` for names, but not for addresses.
    const refusal = plain ? refusalOf(options.host ?? '') : undefined
    if (refusal !== undefined) return reject(refusal)
    const open: Open = (answered) => {
      // A new connection: one kept from an earlier request may lead to a pod that was deleted since.
      const request = (plain ? requestPlain : requestTls)(
        { ...options, agent: false, ...(plain ? { lookup: privateLookup } : {}) },
        answered,
      )
      // Node's own `timeout` counts idle time only: a server that sends slowly would block a check forever.
      const timer = setTimeout(() => {
        late = true
        request.destroy(new Error('timeout'))
      }, milliseconds)
      return request.on('error', fail).on('close', () => clearTimeout(timer))
    }
    run(open, resolve, fail)
  })
}

interface Body {
  readonly text: string
  readonly spreadMilliseconds: number
}

async function readBody(response: IncomingMessage): Promise<Body> {
  const pieces: Buffer[] = []
  let size = 0
  let [first, last] = [0, 0]
  for await (const piece of response as AsyncIterable<Buffer>) {
    size += piece.length
    last = performance.now()
    if (pieces.length === 0) first = last
    if (size > largest) break
    pieces.push(piece)
  }
  return { text: Buffer.concat(pieces).toString(), spreadMilliseconds: Math.round(last - first) }
}

function certificateEndOf({ socket }: IncomingMessage): Date | undefined {
  if (!(socket instanceof TLSSocket)) return undefined
  return new Date(socket.getPeerCertificate().valid_to)
}

const answerOf = (
  { statusCode = 0, headers }: IncomingMessage,
  { text, spreadMilliseconds }: Body,
  certificateEnd: Date | undefined,
): HttpAnswer => ({
  status: statusCode,
  headers,
  text,
  spreadMilliseconds,
  ...(certificateEnd === undefined ? {} : { certificateEnd }),
  json() {
    try {
      return JSON.parse(text) as unknown
    } catch (cause) {
      throw new KitError(`answer ${statusCode} is not JSON: ${shortened(text, 80)}`, {
        exitCode: exitCodes.validationFailed,
        cause,
      })
    }
  },
})

/** The response to one request. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Milliseconds from the first piece of the body to the last: near 0 when a proxy on the way buffers a stream. */
  readonly spreadMilliseconds?: number
  /** When the server's certificate expires; undefined without TLS. */
  readonly certificateEnd?: Date
  /** The body, parsed as JSON. @throws KitError exit 10 when it is not JSON */
  json(): unknown
}

/** The result of a WebSocket handshake. */
export interface Upgrade {
  /** 101 when the handshake was accepted. */
  readonly status: number
  /** False when the server ended the connection at once: some refuse only after the handshake. */
  readonly kept: boolean
}
