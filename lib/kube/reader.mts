import { itemsOf } from './objects.mts'
import type { LiveObject } from './types.mts'
import type { Kubectl } from './kubectl.mts'

/** What may be asked of a cluster. */
export interface KubeReader {
  list(
    kind: string,
    where: { namespace?: string; labels?: Readonly<Record<string, string>> },
  ): Promise<LiveObject[]>
  get(kind: string, name: string, namespace?: string): Promise<LiveObject | undefined>
  /** An API path, through the API server: pod and Service proxies too. @throws KitError when it is not 2xx */
  raw(path: string): Promise<string>
  /** What a program in a pod's first container writes. @throws KitError when it is not there, or ends with another code than 0 */
  runIn(pod: LiveObject, argv: readonly string[]): Promise<string>
}

/** Readers over one cluster. */
export const createKubeReader = (kubectl: Kubectl): KubeReader => ({
  async list(kind, { namespace, labels = {} }) {
    const where = namespace === undefined ? ['--all-namespaces'] : ['--namespace', namespace]
    const selector = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
    return itemsOf(await kubectl.json(['get', kind, ...where, '--selector', selector.join(',')]))
  },
  async get(kind, name, namespace) {
    const where = namespace === undefined ? [] : ['--namespace', namespace]
    return kubectl.json(['get', kind, name, ...where, '--ignore-not-found'])
  },
  raw: (path) => kubectl.run(['get', '--raw', path]),
  runIn: ({ metadata: { namespace = '', name } }, argv) =>
    kubectl.run(['exec', '--namespace', namespace, name, '--', ...argv]),
})
