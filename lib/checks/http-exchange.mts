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
import { privateLookup, refusalOf } from './private-target.mts'
import { explained } from './http-errors.mts'

// One request on the wire. fetch is no use here: it does not let its caller set Host.

/** Where one request goes, and how long all of it may take. */
export interface Target {
  readonly plain: boolean
  readonly milliseconds: number
  readonly options: RequestOptions & { readonly servername: string }
}

/** Bytes of an answer that are read; a page that is longer is not what a check looks for. */
const largest = 4 * 1024 * 1024

/** Sends one request and reads its answer. @throws KitError when there is none */
export function exchange(target: Target, body: string | undefined): Promise<HttpAnswer> {
  return within(target, (open, resolve, reject) => {
    const request = open((response) => {
      // Asked while the connection stands.
      const end = certificateEndOf(response)
      readBody(response).then((text) => resolve(answerOf(response, text, end)), reject)
    })
    request.end(body)
  })
}

type Open = (answered: (response: IncomingMessage) => void) => ClientRequest

/** Runs one request under its time limit; whatever breaks it is explained. */
function within<T>(
  { plain, milliseconds, options }: Target,
  run: (open: Open, resolve: (value: T) => void, reject: (cause: Error) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let late = false
    const fail = (cause: Error) => reject(explained(late ? new Error('timeout', { cause }) : cause, options))
    // A refusal before anything is sent: node looks up names, but not addresses.
    const refusal = plain ? refusalOf(options.host ?? '') : undefined
    if (refusal !== undefined) return reject(refusal)
    const open: Open = (answered) => {
      // A connection of its own: one kept from an earlier request may lead to a pod that has gone since.
      const request = (plain ? requestPlain : requestTls)(
        { ...options, agent: false, ...(plain ? { lookup: privateLookup } : {}) },
        answered,
      )
      // Node's own option counts silence only: a server that drips would hold a check for ever.
      const timer = setTimeout(() => {
        late = true
        request.destroy(new Error('timeout'))
      }, milliseconds)
      return request.on('error', fail).on('close', () => clearTimeout(timer))
    }
    run(open, resolve, fail)
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

function certificateEndOf({ socket }: IncomingMessage): Date | undefined {
  if (!(socket instanceof TLSSocket)) return undefined
  return new Date(socket.getPeerCertificate().valid_to)
}

const answerOf = (
  { statusCode = 0, headers }: IncomingMessage,
  text: string,
  certificateEnd: Date | undefined,
): HttpAnswer => ({
  status: statusCode,
  headers,
  text,
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
