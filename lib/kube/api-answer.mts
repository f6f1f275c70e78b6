import { request, type Agent, type IncomingMessage } from 'node:http'
import { createCollector, inMebibytes, mostOutputBytes } from '../base/collect.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import type { Change } from './question.mts'

// One HTTP request by a unix socket, and the fields of its answer that count.

/** What the API server has answered, or `kubectl proxy` in its place. */
export interface Answer {
  readonly status: number
  readonly body: string
  /** What the API server warns of, without codes and quotes. */
  readonly warnings: readonly string[]
  /** Seconds after which the server wants to be asked again. */
  readonly retryAfter?: number
  /** The path it redirects to. */
  readonly location?: string
  /** True for a plain text without the number of the API server's audit log: `kubectl proxy` reached no API server. */
  readonly isOfProxy: boolean
  /** What kubectl, or the login program it has run, wrote to stderr meanwhile, where the answer is its own. */
  readonly said?: string
}

/** What a request goes by. */
export interface Asking {
  /** The connections; false for one of its own. */
  readonly agent: Agent | false
  readonly signal: AbortSignal
  /** Absent for a GET. */
  readonly change?: Change | undefined
}

/**
 * Sends one request and reads its answer.
 * @param socket path of the socket `kubectl proxy` listens on
 * @throws KitError exit 9 for an answer of more than 64 MiB; the error of the connection, or of the aborted signal
 */
export const answerOf = async (socket: string, path: string, asking: Asking): Promise<Answer> =>
  answerIn(await requestTo(socket, path, asking), path)

/** Reads the answer of a request that was sent to `path`. @throws KitError exit 9; the error of the connection */
export async function answerIn(response: IncomingMessage, path: string): Promise<Answer> {
  const collector = createCollector(mostOutputBytes)
  for await (const piece of response as AsyncIterable<Buffer>) if (!collector.add(piece)) throw larger(path)
  const { statusCode: status = 0, headers } = response
  const seconds = Number.parseInt(headers['retry-after'] ?? '', 10)
  const isRedirect = status >= 300 && status < 400 && headers.location !== undefined
  return {
    status,
    body: collector.text(),
    warnings: warningsIn([headers['warning'] ?? ''].flat().join(', ')),
    ...(Number.isNaN(seconds) ? {} : { retryAfter: seconds }),
    ...(isRedirect ? { location: pathOf(headers.location ?? '', path) } : {}),
    isOfProxy:
      [500, 502].includes(status) &&
      headers['audit-id'] === undefined &&
      (headers['content-type'] ?? '').startsWith('text/plain'),
  }
}

/** What HTTP does not allow in a path, percent-encoded: a path may come from a setting. */
const encoded = (path: string): string => path.replaceAll(/[^!-~]/gu, encodeURIComponent)

/** Sends a request. @returns its response, whose body has not been read @throws the error of the connection */
export const requestTo = (
  socketPath: string,
  path: string,
  { agent, signal, change }: Asking,
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const body = change === undefined ? undefined : JSON.stringify(change.body)
    const headers = {
      // As kubectl does. Its proxy accepts no other names of the host.
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

/** The path a redirect leads to, of this API server whatever host it names. */
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
