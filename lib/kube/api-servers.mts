import { request } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import type { Endpoint, Kubeconfig } from './kubeconfig.mts'
import { record } from '../base/log.mts'

// Chooses an endpoint of one cluster's API that answers now: each gets a request, its certificate is checked by the CA.

/** Milliseconds an API server may take to answer /readyz. */
const timeoutMilliseconds = 2000

/** Milliseconds the preferred endpoint has before the others are asked too: one whose machine is off does not answer. */
const headStartMilliseconds = 700

/**
 * The endpoint to use: the preferred one when it answers, else the first that does. The preferred one also when none
 * does, or when it is the only one: kubectl's error then says why.
 * @param avoided the hosts of endpoints that are left out, unless there are no others
 */
export async function chooseEndpoint(
  kubeconfig: Kubeconfig,
  avoided: readonly string[] = [],
): Promise<Endpoint> {
  const usable = kubeconfig.endpoints.filter(({ server }) => !avoided.includes(new URL(server).hostname))
  const [preferred = kubeconfig.endpoints[0], ...others] = usable
  // An endpoint that kubectl reaches through a proxy (`proxy-url`) cannot be requested directly.
  if (others.length === 0 || preferred.proxied === true) return preferred
  const first = firstOf([preferred], kubeconfig)
  const early = await Promise.race([first, pause(headStartMilliseconds, undefined, { ref: false })])
  if (early !== undefined) return early
  return Promise.any([first, firstOf(others, kubeconfig)].map(present)).catch(() => preferred)
}

/** As the promise, but undefined is an error. */
async function present(found: Promise<Endpoint | undefined>): Promise<Endpoint> {
  const one = await found
  if (one === undefined) throw new Error('no endpoint answers')
  return one
}

/**
 * True when the endpoint of a context does not answer within 2 s while another one does. False for one that kubectl
 * reaches through a proxy: it cannot be requested directly.
 */
export async function isSilent(context: string, kubeconfig: Kubeconfig): Promise<boolean> {
  const { endpoints } = kubeconfig
  const one = endpoints.filter((each) => each.context === context && each.proxied !== true)
  const others = endpoints.filter((each) => each.context !== context)
  if (one.length === 0 || others.length === 0) return false
  return (await firstOf(one, kubeconfig)) === undefined && (await firstOf(others, kubeconfig)) !== undefined
}

/** The endpoint that answers first; undefined when none answers within 2 s. */
export const firstOf = (
  endpoints: readonly Endpoint[],
  kubeconfig: Kubeconfig,
): Promise<Endpoint | undefined> =>
  Promise.any(
    endpoints.map(async (one) => {
      if (await answers(one, kubeconfig)) return one
      throw new Error(`${one.server} does not answer`)
    }),
  ).catch(() => undefined)

/**
 * True when an API server answers /readyz there, with a certificate that the kubeconfig's CA signed for its name. False
 * without a request when the kubeconfig has no CA or `server` is not https.
 */
export function answers(
  { server, tlsName }: Endpoint,
  { ca, certificate, key }: Kubeconfig,
): Promise<boolean> {
  return new Promise((resolve) => {
    const no = (why: string) => {
      record(`${server}/readyz: ${why}`)
      resolve(false)
    }
    if (ca === undefined || !server.startsWith('https://')) return no('not asked: no CA to prove it by')
    const asked = request(
      // Rancher serves each cluster under a path of its own address.
      new URL(`${server.replace(/\/+$/, '')}/readyz`),
      {
        ca,
        cert: certificate,
        key,
        agent: false,
        timeout: timeoutMilliseconds,
        ...(tlsName === undefined ? {} : { servername: tlsName }),
      },
      ({ statusCode = 0 }) => {
        asked.destroy()
        // 401 and 403: the user may not read /readyz, but the API server answers.
        if ([200, 401, 403].includes(statusCode)) resolve(true)
        else no(`HTTP ${statusCode}`)
      },
    )
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${timeoutMilliseconds} ms`)))
    asked.on('error', (error) => no(error.message))
    asked.end()
  })
}
