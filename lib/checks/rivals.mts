import { covers, rivalError, rivalsOf, type Rival } from '../kube/ingress-rivals.mts'
import type { KubeReader } from '../kube/reader.mts'
import { lazily } from '../base/lazy.mts'
import type { Http } from './http.mts'

/**
 * The other Ingresses that have an address (host and path) of a module's own.
 * @param ours the module's objects
 * @throws KitError exit 3 or 5 to 9 from kubectl
 */
export const findRivals = async (
  kube: KubeReader,
  ours: Parameters<typeof rivalsOf>[0],
): Promise<readonly Rival[]> => {
  const own = ours.filter(({ kind }) => kind === 'Ingress')
  return own.length === 0 ? [] : rivalsOf(own, await kube.list('ingresses.networking.k8s.io', {}))
}

/**
 * Refuses requests by a public name that another Ingress has too: its responses would prove nothing about this module.
 * @param find reads the rivals, at the first request only
 * @returns an Http whose methods also throw KitError exit 5 naming the other Ingress, and what `find` throws
 */
export function refusingRivals(http: Http, find: () => Promise<readonly Rival[]>): Http {
  const rivals = lazily(find)
  async function refuse(host: string, path: string): Promise<void> {
    const found = (await rivals()).find(
      (one) => one.host === host && (one.isSame || covers(one.path, path.split('?')[0] ?? '')),
    )
    if (found !== undefined) throw rivalError(found)
  }
  return {
    ...http,
    async ask(host, path, request) {
      await refuse(host, path)
      return http.ask(host, path, request)
    },
    async askAt(address, host, path, request) {
      await refuse(host, path)
      return http.askAt(address, host, path, request)
    },
    async announce(host, path, bytes) {
      await refuse(host, path)
      return http.announce(host, path, bytes)
    },
    async upgrade(host, path, headers, keptMilliseconds) {
      await refuse(host, path)
      return http.upgrade(host, path, headers, keptMilliseconds)
    },
  }
}
