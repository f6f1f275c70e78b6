import type { IncomingMessage } from 'node:http'
import { createWritesOf, type ApiWrites } from './api-writes.mts'
import { createDiscovery, pathOf, type Resource } from './discovery.mts'
import { jsonIn } from './json-answer.mts'
import { asPrinted, itemsIn, objectIn, versionIn } from './api-objects.mts'
import type { Ask, Question } from './question.mts'
import type { LiveObject, Manifest } from './types.mts'

/** How one request is sent. */
export interface AskOptions {
  /** Not repeated while the API server is unreachable. */
  readonly once?: boolean
  /** Seconds until the whole response must be there: 60 unless given. */
  readonly timeoutSeconds?: number
}

/** Which objects of a kind are meant. */
export interface Where {
  /** All namespaces unless given. */
  readonly namespace?: string | undefined
  /** A label selector: `app=n8n,part in (web,worker)` */
  readonly selector?: string | undefined
  /** Whether the objects include managedFields: as in kubectl, not unless given. */
  readonly managedFields?: boolean
  /** Kinds that the cluster does not have count as kinds without objects. */
  readonly ifDefined?: boolean
}

/**
 * Reads from and writes to the API server. Every method throws KitError exit 3, 5 to 9, 130 or 143 as Kubectl.run; exit
 * 3 also for a response that is not JSON or not of an API server; exit 12 when the folder for the socket of `kubectl
 * proxy` cannot be made.
 */
export interface Api extends ApiWrites {
  /**
   * Objects of one or more kinds, requested in parallel, returned in the order of the kinds.
   * @param kinds as kubectl names them, without version: `deployments.apps,pods`
   * @throws KitError exit 9 when the cluster has no such kind, unless `ifDefined`
   */
  list(kinds: string, where?: Where, options?: AskOptions): Promise<LiveObject[]>
  /**
   * One object, or undefined when it does not exist.
   * @param kind as kubectl names it: `deployments.apps`
   * @throws KitError exit 9 when the cluster has no such kind
   */
  get(kind: string, name: string, namespace?: string, options?: AskOptions): Promise<LiveObject | undefined>
  /**
   * Those of these objects that exist, with managedFields.
   * @throws KitError exit 9 when the cluster does not have one of their kinds
   */
  find(objects: readonly Manifest[]): Promise<LiveObject[]>
  /**
   * The body of an API path, also of pod and Service proxies.
   * @throws KitError when the response is not 2xx: exit 8 for HTTP 401 and 403, exit 6 for 503, 504 and an overloaded
   * server (429), exit 9 for others, for every response of a pod, Service or node, and when these are not reached; see
   * kubectlError
   */
  raw(path: string, options?: AskOptions): Promise<string>
  /**
   * Opens a watch of a kind in a namespace, from its list. Without a resourceVersion the server may begin a watch with
   * objects older than what was written just before.
   * @param signal ends it
   * @param from the resourceVersion to go on from, without a list
   */
  watch(kind: string, namespace: string, signal: AbortSignal, from?: string): Promise<Watching>
}

/** A list, and what changes after it. */
export interface Watching {
  /** Undefined for a watch that goes on. */
  readonly objects: readonly LiveObject[] | undefined
  /** The resourceVersion it begins from. */
  readonly version: string
  /** One event for each change, as lines of JSON, until the server ends it. */
  readonly events: IncomingMessage
}

/** Sends a GET whose response continues until it is aborted. @throws as Sender.open */
export type Open = (question: Question, signal: AbortSignal) => Promise<IncomingMessage>

/** The Api of one cluster. @param ask sends one request @param open opens a watch */
export function createApi(ask: Ask, open: Open): Api {
  const discovery = createDiscovery(ask)
  const read = async (question: Question): Promise<unknown> => {
    const body = await ask(question)
    return body === undefined ? undefined : jsonIn(body, question.words)
  }

  async function listKind(kind: string, where: Where, { once, timeoutSeconds: seconds }: AskOptions) {
    const { namespace, selector = '', managedFields = false, ifDefined = false } = where
    if (ifDefined && !(await discovery.has(kind))) return []
    const resource = await discovery.ofName(kind)
    const query = selector === '' ? '' : `?labelSelector=${encodeURIComponent(selector)}`
    const inNamespace = resource.namespaced ? namespace : undefined
    const words = [
      'get',
      kind,
      ...(inNamespace === undefined ? allNamespaces(resource) : ['--namespace', inNamespace]),
      ...(selector === '' ? [] : ['--selector', selector]),
    ]
    const found = await read({ path: `${pathOf(resource, inNamespace)}${query}`, words, seconds, once })
    return itemsIn(found, words).map((one) => asPrinted(one, managedFields))
  }

  async function one(
    resource: Resource,
    {
      name,
      namespace,
      managedFields,
    }: { name: string; namespace: string | undefined; managedFields: boolean },
    { once, timeoutSeconds: seconds }: AskOptions,
  ): Promise<LiveObject | undefined> {
    const inNamespace = resource.namespaced ? (namespace ?? 'default') : undefined
    const words = [
      'get',
      resource.called,
      name,
      ...(inNamespace === undefined ? [] : ['--namespace', inNamespace]),
    ]
    const path = `${pathOf(resource, inNamespace)}/${encodeURIComponent(name)}`
    const found = await read({ path, words, seconds, once, absentAt: [404] })
    return found === undefined ? undefined : asPrinted(objectIn(found, words), managedFields)
  }

  return {
    ...createWritesOf(ask, discovery),
    async watch(kind, namespace, signal, from) {
      const resource = await discovery.ofName(kind)
      const words = ['get', kind, '--namespace', namespace]
      const path = pathOf(resource, namespace)
      // Whoever watches begins again by itself.
      const found = from === undefined ? await read({ path, words, movesOn: true }) : undefined
      const objects =
        from === undefined ? itemsIn(found, words).map((one) => asPrinted(one, false)) : undefined
      const version = from ?? versionIn(found, words)
      const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${encodeURIComponent(version)}`
      const events = await open(
        { path: `${path}?${query}`, words: ['get', '--raw', `${path}?${query}`] },
        signal,
      )
      return { objects, version, events }
    },
    async list(kinds, where = {}, options = {}) {
      const lists = await Promise.all(kinds.split(',').map((kind) => listKind(kind, where, options)))
      return lists.flat()
    },
    async get(kind, name, namespace, options = {}) {
      return one(await discovery.ofName(kind), { name, namespace, managedFields: false }, options)
    },
    async find(objects) {
      const found = await Promise.all(
        objects.map(async (object) => {
          const { name = '', namespace } = object.metadata ?? {}
          return one(await discovery.ofKind(object), { name, namespace, managedFields: true }, {})
        }),
      )
      return found.flatMap((live) => live ?? [])
    },
    raw: async (path, { once, timeoutSeconds: seconds } = {}) =>
      (await ask({ path, words: ['get', '--raw', path], seconds, once })) ?? '',
  }
}

const allNamespaces = ({ namespaced }: Resource): string[] => (namespaced ? ['--all-namespaces'] : [])
