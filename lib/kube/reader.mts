import { exitCodes } from '../base/errors.mts'
import { sensitive, type Sensitive } from '../base/sensitive.mts'
import { fields, readShape, text } from '../base/shape.mts'
import { jsonIn } from './json-answer.mts'
import type { LiveObject, Manifest } from './types.mts'
import type { AskOptions } from './api.mts'
import type { Kubectl } from './kubectl.mts'

/** How a program is run in a pod. */
export interface RunInOptions {
  /** True for a program that changes nothing: it may run twice. */
  readonly isRepeatable: boolean
  /** Seconds until it must have ended: 60 unless given. */
  readonly timeoutSeconds?: number
  /** The container; the pod's first one unless given. */
  readonly container?: string
}

/**
 * Reads from one cluster. Every method throws KitError exit 3 or 5 to 9, and exit 130 or 143 on a signal: `list`, `get`
 * and `raw` as Api (exit 12 too), the others as Kubectl.json.
 */
export interface KubeReader {
  /**
   * Objects of a kind.
   * @param kind as kubectl names it, without version: `deployments.apps`
   * @param where all namespaces, and any labels, unless given
   * @throws KitError exit 9 when the cluster has no such kind
   */
  list(
    kind: string,
    where: { namespace?: string; labels?: Readonly<Record<string, string>> },
  ): Promise<LiveObject[]>
  /** One object, or undefined when it does not exist. @throws KitError exit 9 when the cluster has no such kind */
  get(kind: string, name: string, namespace?: string): Promise<LiveObject | undefined>
  /**
   * The body of an API path, also of pod and Service proxies.
   * @param options `once` with a short `timeoutSeconds`, where the caller repeats the request itself
   * @throws KitError exit 6, 8 or 9 when the response is not 2xx, see Api.raw
   */
  raw(path: string, options?: AskOptions): Promise<string>
  /**
   * The body of what a pod or Service answers to a POST of JSON, by its proxy path: a login. The cluster itself is not
   * written to.
   * @throws KitError exit 6, 8 or 9 when the response is not 2xx, see Api.raw
   */
  postTo(path: string, json: object): Promise<string>
  /**
   * The stdout of a program run in a pod. When the connection is lost, it is not known whether it
   * ran: then only a repeatable one is started again.
   * @throws KitError exit 9 when it exits non-zero
   */
  runIn(pod: LiveObject, argv: readonly string[], options: RunInOptions): Promise<string>
  /**
   * The object as the API server would store it (--dry-run=server), with the changes of its webhooks. Nothing is
   * written.
   * @throws KitError exit 5, 8 or 9 with the API server's message when it refuses the object; exit 9 when it returns
   * none
   */
  wouldCreate(object: Manifest): Promise<LiveObject>
  /**
   * A token of a service account, valid for 10 minutes; nothing is stored.
   * @param audience the service that accepts it: `vault`
   * @throws KitError exit 9 when there is no such service account
   */
  tokenOf(account: string, namespace: string, audience: string): Promise<Sensitive>
}

/** The answer to a TokenRequest. */
const issued = fields({ status: fields({ token: text }) })

/** The proxy path of a pod or Service. */
const proxied = /^\/api\/v1\/namespaces\/[\w-]+\/(pods|services)\/[\w.:-]+\/proxy\/(?!.*\.\.)/

/** A KubeReader of the cluster of `kubectl`. */
export const createKubeReader = (kubectl: Kubectl): KubeReader => ({
  async list(kind, { namespace, labels = {} }) {
    const selector = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
    return kubectl.api.list(kind, { namespace, selector: selector.join(',') })
  },
  get: (kind, name, namespace) => kubectl.api.get(kind, name, namespace),
  raw: (path, options) => kubectl.api.raw(path, options),
  async postTo(path, json) {
    // Behind any other path are objects of the cluster.
    if (!proxied.test(path)) throw new Error(`${path} is not behind a pod or Service`)
    return kubectl.api.post(path, json, ['create', '--raw', path], { once: true })
  },
  runIn({ metadata: { namespace = '', name } }, argv, { isRepeatable, container, ...options }) {
    const within = container === undefined ? [] : ['--container', container]
    const words = ['exec', '--namespace', namespace, name, ...within, '--', ...argv]
    return kubectl.run(words, { once: !isRepeatable, ...options })
  },
  wouldCreate: (object) => kubectl.api.create(object, { dryRun: true }),
  async tokenOf(account, namespace, audience) {
    const words = ['create', 'token', account, '--namespace', namespace, '--audience', audience]
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [audience], expirationSeconds: 600 },
    }
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(account)}/token`
    const answer = jsonIn(await kubectl.api.post(path, request, words), words)
    const { status } = readShape('the API server: a token', issued, answer, {
      exitCode: exitCodes.preflight,
      hint: 'something else than an API server answers there: check the server address in the kubeconfig',
    })
    return sensitive(status.token)
  },
})
