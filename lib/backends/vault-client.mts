import { request as requestHttps } from 'node:https'
import { mostErrorBytes, textOf } from '../base/collect.mts'
import { exitCodes, KitError, messageOf } from '../base/errors.mts'
import { codeOf, isUntrusted } from '../base/network-errors.mts'
import { shortened } from '../base/sensitive.mts'
import { written } from '../base/written.mts'

// HTTPS requests with JSON, to Vault, and to the API server as Vault sends them. Tokens are in headers or bodies, never
// in a URL or an error.

/** A server by its address. */
export interface Server {
  /** Its name and address in messages: `Vault https://vault.example.com:8200`. */
  readonly where: string
  readonly url: string
  /** PEM of the CA that signs its certificate; undefined for a public CA. */
  readonly ca: string | undefined
  /** The hint for a certificate that is not trusted. */
  readonly caHint: string
}

/** One request. */
export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Its path: `/v1/sys/health`. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Its response. */
export interface Reply {
  readonly status: number
  /** The parsed body; undefined when it is empty or not JSON. */
  readonly json: unknown
  /** The server's own error message, shortened; empty without one. */
  readonly words: string
}

/** Milliseconds for one request and its response. */
const timeoutMilliseconds = 10_000

/**
 * Sends one request. It does not follow redirects: a token must not be sent to another address.
 * @param milliseconds for the request and its response: 10 s unless given
 * @throws KitError exit 6 without a response in that time, or for one of more than 1 MiB; exit 7 when the server's
 *   certificate is not trusted
 */
export async function send(
  server: Server,
  { method, path, headers = {}, body }: Request,
  milliseconds = timeoutMilliseconds,
): Promise<Reply> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const signal = AbortSignal.timeout(milliseconds)
  try {
    const { status, content } = await new Promise<{ status: number; content: string }>((resolve, reject) => {
      const sent = requestHttps(
        new URL(path, server.url),
        {
          method,
          signal,
          agent: false,
          headers: {
            ...headers,
            accept: 'application/json',
            ...(text === '' ? {} : { 'content-type': 'application/json' }),
          },
          ...(server.ca === undefined ? {} : { ca: server.ca }),
        },
        (response) => {
          textOf(response, mostErrorBytes).then(
            (received) => resolve({ status: response.statusCode ?? 0, content: received }),
            reject,
          )
        },
      )
      sent.on('error', reject)
      sent.end(text)
    })
    const json = jsonOf(content)
    return { status, json, words: wordsIn(json, content) }
  } catch (cause) {
    if (isUntrusted(cause)) throw untrusted(server, cause)
    throw unreachable(
      server,
      signal.aborted ? `no answer within ${milliseconds / 1000} s` : messageOf(cause),
      cause,
    )
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The error message of a response: Vault lists errors, the API server has one message; other text is of a proxy. */
function wordsIn(json: unknown, text: string): string {
  const { errors, message } = (json ?? {}) as { errors?: unknown; message?: unknown }
  if (Array.isArray(errors)) return shortened(errors.filter((one) => typeof one === 'string').join('; '), 300)
  if (typeof message === 'string') return shortened(message, 300)
  return json === undefined ? shortened(text.replaceAll(/\s+/g, ' ').trim(), 120) : ''
}

const untrusted = ({ where, url, caHint }: Server, cause: unknown): KitError => {
  const { hostname, port } = new URL(url)
  const isName = codeOf(cause) === 'ERR_TLS_CERT_ALTNAME_INVALID'
  const what = isName ? `shows a certificate that is not for ${hostname}` : 'is not proven by its CA'
  return new KitError(`${where} ${what}: ${messageOf(cause)}`, {
    exitCode: exitCodes.trust,
    details: [`No token was sent to it. ${written()}`],
    hint: `${caHint}; what the server shows: openssl s_client -connect ${hostname}:${port === '' ? '443' : port} -showcerts </dev/null`,
    cause,
  })
}

const unreachable = ({ where, url }: Server, words: string, cause: unknown): KitError =>
  new KitError(`${where} cannot be reached: ${words}`, {
    exitCode: exitCodes.unreachable,
    details: [`Pods that run keep their files. ${written()}`],
    hint: `is it up, and open to this machine? curl --insecure --max-time 5 ${url}`,
    cause,
  })
