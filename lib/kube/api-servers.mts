import { request } from 'node:https'
import type { Endpoint, Kubeconfig } from './kubeconfig.mts'
import { record } from '../base/log.mts'

// Which of several ways to one API server is open now. Each is really asked, its certificate checked by the CA.

/** Milliseconds a server that is there may take for its answer. */
const patience = 2000

/**
 * The first way that is open: the preferred one when it answers, else whichever of the others answers first.
 * The preferred one when none does, or when there is nothing to choose from: kubectl then tells why.
 */
export async function chooseEndpoint(kubeconfig: Kubeconfig): Promise<Endpoint> {
  const [preferred, ...others] = kubeconfig.endpoints
  if (others.length === 0 || (await answers(preferred, kubeconfig))) return preferred
  return (await firstOf(others, kubeconfig)) ?? preferred
}

/** Whichever answers first; undefined when none does. */
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

/** True when an API server whose certificate this CA signed for this name is ready there. */
export function answers({ server }: Endpoint, { ca, certificate, key }: Kubeconfig): Promise<boolean> {
  return new Promise((resolve) => {
    const no = (why: string) => {
      record(`${server}/readyz: ${why}`)
      resolve(false)
    }
    if (ca === undefined || !server.startsWith('https://')) return no('not asked: no CA to prove it by')
    const asked = request(
      new URL('/readyz', server),
      { ca, cert: certificate, key, agent: false, timeout: patience },
      ({ statusCode = 0 }) => {
        asked.destroy()
        // Who may not ask learns at least that it is there.
        if ([200, 401, 403].includes(statusCode)) resolve(true)
        else no(`HTTP ${statusCode}`)
      },
    )
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${patience} ms`)))
    asked.on('error', (error) => no(error.message))
    asked.end()
  })
}
