import { request, type Agent, type IncomingMessage } from 'node:http'
import { createCollector, inMebibytes, mostOutputBytes } from '../base/collect.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import type { Change } from './question.mts'

// One HTTP request over a unix socket, and the fields of its response that the kit uses.

/** The response of the API server, or of `kubectl proxy` itself when it reached none. */
export interface Answer {
  readonly status: number
  readonly body: string
  /** Texts of the Warning headers, without codes and quotes. */
  readonly warnings: readonly string[]
  /** Seconds in the header Retry-After. */
  readonly retryAfter?: number
  /** The path it redirects to. */
  readonly location?: string
  /** True for an error in plain text without the header Audit-Id: `kubectl proxy` reached no API server. */
  readonly isOfProxy: boolean
  /** Set when a pod, Service or node gave it, and the API server passed it on: this says nothing of the API server. */
  readonly origin?: Origin
  /** Only with `isOfProxy`: what kubectl, or the login program it started, wrote to stderr during the request. */
  readonly said?: string
}

/** What a path of the API server leads to, beyond the server itself. */
export interface Origin {
  readonly kind: 'pod' | 'service' | 'node'
  readonly name: string
  /** Undefined for a node. */
  readonly namespace: string | undefined
}

/** The connection pool of a request, and the signal that aborts it. */
export interface Asking {
  /** The connection pool; false for a connection of its own. */
  readonly agent: Agent | false
  readonly signal: AbortSignal
  /** Absent for a GET. */
  readonly change?: Change | undefined
}

/**
 * Sends one request and reads its answer.
 * @param socket path of the socket `kubectl proxy` listens on
 * @throws KitError exit 9 for a response of more than 64 MiB; Node's own error when the connection fails or `signal`
 * aborts
 */
export const answerOf = async (socket: string, path: string, asking: Asking): Promise<Answer> =>
  answerIn(await requestTo(socket, path, asking), path)

/** Reads the response of a request to `path`. @throws KitError exit 9 for more than 64 MiB; the error of the connection */
export async function answerIn(response: IncomingMessage, path: string): Promise<Answer> {
  const collector = createCollector(mostOutputBytes)
  for await (const piece of response as AsyncIterable<Buffer>) if (!collector.add(piece)) throw larger(path)
  const { statusCode: status = 0, headers } = response
  const seconds = Number.parseInt(headers['retry-after'] ?? '', 10)
  const body = collector.text()
  const origin =
    status < 300 || headers['audit-id'] === undefined || isStatus(body) ? undefined : originOf(path)
  const isRedirect = status >= 300 && status < 400 && headers.location !== undefined
  return {
    status,
    body,
    warnings: warningsIn([headers['warning'] ?? ''].flat().join(', ')),
    ...(Number.isNaN(seconds) ? {} : { retryAfter: seconds }),
    ...(isRedirect ? { location: pathOf(headers.location ?? '', path) } : {}),
    isOfProxy:
      [500, 502].includes(status) &&
      headers['audit-id'] === undefined &&
      (headers['content-type'] ?? '').startsWith('text/plain'),
    ...(origin === undefined ? {} : { origin }),
  }
}

/** What is behind the path of a proxy of the API server: `/api/v1/namespaces/a/pods/web-1:8080/proxy/health`. */
function originOf(path: string): Origin | undefined {
  const behind =
    /^\/api\/v1\/(?:namespaces\/([^/]+)\/)?(pod|service|node)s\/(?:https?:)?([^/:]+)[^/]*\/proxy(?:[/?]|$)/
  const [, namespace, kind, name] = behind.exec(path) ?? []
  return name === undefined ? undefined : { kind: kind as Origin['kind'], name, namespace }
}

/** True for the body of the API server's own errors: it gives one too where it does not reach what it was asked for. */
function isStatus(body: string): boolean {
  try {
    return (JSON.parse(body) as { kind?: unknown } | null)?.kind === 'Status'
  } catch {
    return false
  }
}

/** Percent-encodes characters that HTTP does not allow in a path: a path may come from a setting. */
const encoded = (path: string): string => path.replaceAll(/[^!-~]/gu, encodeURIComponent)

/** Sends a request. @returns its response, whose body is not read yet @throws Node’s own error of the connection */
export const requestTo = (
  socketPath: string,
  path: string,
  { agent, signal, change }: Asking,
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const body = change === undefined ? undefined : JSON.stringify(change.body)
    const headers = {
      // The headers kubectl sends. `kubectl proxy` refuses other names in Host.
      host: 'localhost',
      accept: 'application/json, */*',
      ...(body === undefined
        ? {}
        : {
            'content-type': change?.contentType ?? 'application/json',
            'content-length': Buffer.byteLength(body),
          }),
    }
    const method = change?.method ?? 'GET'
    const sent = request({ socketPath, path: encoded(path), method, agent, signal, headers }, resolve)
    sent.on('error', reject)
    sent.end(body)
  })

/** The texts of Warning headers: `299 - "would violate PodSecurity"` (RFC 7234, section 5.5). */
const warningsIn = (header: string): string[] =>
  [...header.matchAll(/\b299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) =>
    text.replaceAll(/\\(.)/g, '$1'),
  )

/** The path of a redirect. It is requested from this API server, whatever host the redirect names. */
function pathOf(location: string, from: string): string {
  const base = new URL(from, 'http://localhost')
  const to = URL.canParse(location, base.href) ? new URL(location, base) : base
  return `${to.pathname}${to.search}`
}

const larger = (path: string): KitError =>
  new KitError(`the API server at ${path}: more than ${inMebibytes(mostOutputBytes)} in one answer`, {
    exitCode: exitCodes.rolloutFailed,
    hint: `see what it is: kubectl get --raw ${path}`,
  })
