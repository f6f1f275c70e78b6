import { request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as requestTls } from 'node:https'
import { exitCodes, KitError } from './errors.mts'
import { isLoopback } from './loopback.mts'
import { proxyFor } from './proxy-choice.mts'
import { shortened } from './sensitive.mts'
import { openTunnel } from './tunnel.mts'

// GET of a public file, by way of this machine's proxy, following redirects.

/** Most redirects that are followed: a release page redirects to its storage, which sends the file. */
const mostRedirects = 5

/**
 * Sends one GET and follows its redirects.
 * @param headers of the request; they are sent to every host it is redirected to, so none may be a secret
 * @returns the response, whatever its status, its body unread
 * @throws KitError exit 7 for a redirect to an address without TLS, exit 3 for more than 5 redirects, exit 2 when
 *   HTTPS_PROXY or ALL_PROXY names no HTTP proxy, exit 8 when the proxy refuses, exit 6 when the proxy cannot reach the
 *   address; else the error of Node, also when `signal` is aborted
 */
export async function httpsGet(
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  let at = url
  for (let followed = 0; followed <= mostRedirects; followed += 1) {
    const response = await getOnce(at, headers, signal)
    const { statusCode = 0, headers: answered } = response
    if (![301, 302, 303, 307, 308].includes(statusCode) || answered.location === undefined) return response
    response.destroy()
    at = redirected(at, answered.location)
  }
  throw new KitError(`${url.host} sends from one address to the next, ${mostRedirects} times and more`, {
    exitCode: exitCodes.preflight,
    details: [`first: ${url.href}`, `last: ${shownUrl(at)}`],
    hint: `open ${url.href} in a browser to see where it leads`,
  })
}

/** An address without its query, which may contain a signature. */
const shownUrl = ({ origin, pathname }: URL): string => shortened(`${origin}${pathname}`, 200)

function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined
  if (
    to?.protocol === 'https:' ||
    (to?.protocol === 'http:' && from.protocol === 'http:' && isLoopback(to.hostname))
  )
    return to
  throw new KitError(`${from.host} sends to an address without TLS`, {
    exitCode: exitCodes.trust,
    details: [`from: ${shownUrl(from)}`, `to: ${to === undefined ? 'no address' : shownUrl(to)}`],
    hint: 'a portal or proxy on the way may have answered in its place: open the first address in a browser of this machine',
  })
}

async function getOnce(
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const plain = url.protocol === 'http:'
  const proxy = plain ? undefined : proxyFor(url)
  const socket = proxy === undefined ? undefined : await openTunnel(proxy, url, signal)
  const connection: RequestOptions =
    socket === undefined ? { agent: false } : { createConnection: () => socket }
  return new Promise((resolve, reject) => {
    const request = (plain ? requestPlain : requestTls)(url, { ...connection, headers, signal }, resolve)
    request.on('error', reject).end()
  })
}
