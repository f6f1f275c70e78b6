import { asPrinted, objectIn } from './api-objects.mts'
import { pathOf, type Discovery, type Resource } from './discovery.mts'
import { jsonIn } from './json-answer.mts'
import type { Ask, Change, Question } from './question.mts'
import type { LiveObject, Manifest } from './types.mts'

/** How one request that writes is sent. */
export interface ChangeOptions {
  /** Seconds until the whole response must be there: 60 unless given. */
  readonly timeoutSeconds?: number
  /** Never sent again: whether it was done is unknown when its response is lost. */
  readonly once?: boolean
  /** Sent also after Ctrl-C, and never again: for what a run must give back, such as its lock. */
  readonly runDespiteInterrupt?: boolean
}

/** How one object is applied. */
export interface ApplyOptions {
  /** The field manager. */
  readonly manager: string
  /** True: nothing is written, and the object comes back as it would be. */
  readonly dryRun: boolean
}

/** An object by its name, of any kind. */
export interface Named {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid?: string }
}

/** Writes objects of one cluster. Every method throws as Kubectl.run, and exit 9 when the cluster has no such kind. */
export interface ApiWrites {
  /**
   * Server-side apply of one object; a conflict with another manager is overruled: conflicts are decided before.
   * @returns the object as it is now, with managedFields
   * @throws ObjectModified (5) when it has another resourceVersion than the manifest names
   */
  apply(manifest: Manifest, how: ApplyOptions): Promise<LiveObject>
  /** @param dryRun true: nothing is written @throws KitError exit 9 when it exists */
  create(object: Manifest, options?: ChangeOptions & { dryRun?: boolean }): Promise<LiveObject>
  /** @throws ObjectModified (5) when it has another resourceVersion than `object` names */
  replace(object: Manifest, options?: ChangeOptions): Promise<LiveObject>
  /**
   * Deletes one object: the one with this uid, where it is given, and never another one of its name.
   * @param foreground true: it is gone when everything it owns is
   * @returns false when it was gone before
   */
  remove(object: Named, foreground: boolean, options?: ChangeOptions): Promise<boolean>
  /** Deletes the objects of a kind that a label selector finds in a namespace; their pods end in the background. */
  removeAll(kind: string, namespace: string, selector: string, options?: ChangeOptions): Promise<void>
  /**
   * Sends a POST to a subresource: `eviction`, `token`.
   * @param words the kubectl command that does the same
   * @returns the body of the response
   */
  post(path: string, body: unknown, words: readonly string[], options?: ChangeOptions): Promise<string>
}

/** Seconds an apply may take: webhooks of the cluster have up to 30 each. */
const applySeconds = 120

/** The ApiWrites of one cluster. */
export function createWritesOf(ask: Ask, discovery: Discovery): ApiWrites {
  const answered = async (question: Question): Promise<LiveObject> =>
    asPrinted(objectIn(jsonIn((await ask(question)) ?? '', question.words), question.words), true)

  async function send(
    object: Manifest,
    change: Change,
    more: Partial<Question> & { query: readonly string[] },
  ) {
    const resource = await discovery.ofKind(object)
    const { name = '', namespace } = object.metadata ?? {}
    const path = pathOf(resource, inNamespace(resource, namespace))
    const query = more.query.filter((part) => part !== '').join('&')
    const named = change.method === 'POST' ? path : `${path}/${encodeURIComponent(name)}`
    return { ...more, change, path: query === '' ? named : `${named}?${query}` }
  }

  return {
    async apply(manifest, { manager, dryRun }) {
      const dry = dryRun ? ['--dry-run=server', '--show-managed-fields'] : []
      // Without fieldValidation=Ignore partial objects (replicas alone) would be warned of.
      const words = [...applyWords, `--field-manager=${manager}`, ...dry, '-f', '-']
      const query = [
        `fieldManager=${encodeURIComponent(manager)}`,
        'force=true',
        'fieldValidation=Ignore',
        dryRun ? 'dryRun=All' : '',
      ]
      const change = { method: 'PATCH', body: manifest, contentType: 'application/apply-patch+yaml' } as const
      return answered({ words, seconds: applySeconds, ...(await send(manifest, change, { query })) })
    },
    async create(object, { dryRun = false, ...options } = {}) {
      const words = ['create', ...(dryRun ? ['--dry-run=server'] : []), '-f', '-']
      const query = [dryRun ? 'dryRun=All' : '', 'fieldValidation=Ignore']
      const change = { method: 'POST', body: object } as const
      return answered({ words, ...(await send(object, change, { query, ...questionOf(options) })) })
    },
    async replace(object, options = {}) {
      const query = ['fieldValidation=Ignore']
      const change = { method: 'PUT', body: object } as const
      const words = ['replace', '-f', '-']
      return answered({ words, ...(await send(object, change, { query, ...questionOf(options) })) })
    },
    async remove(object, foreground, options = {}) {
      const resource = await discovery.ofKind(object as Manifest)
      const { name, namespace, uid } = object.metadata
      const home = inNamespace(resource, namespace)
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: foreground ? 'Foreground' : 'Background',
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      }
      const found = await ask({
        path: `${pathOf(resource, home)}/${encodeURIComponent(name)}`,
        words: ['delete', resource.called, name, ...(home === undefined ? [] : ['--namespace', home])],
        change: { method: 'DELETE', body },
        // 409: another one has its name by now.
        absentAt: uid === undefined ? [404] : [404, 409],
        ...questionOf(options),
      })
      return found !== undefined
    },
    async removeAll(kind, namespace, selector, options = {}) {
      // As kubectl: an empty selector would delete every object of the kind.
      if (selector === '') throw new Error(`no ${kind} are deleted without a selector`)
      const resource = await discovery.ofName(kind)
      await ask({
        path: `${pathOf(resource, namespace)}?labelSelector=${encodeURIComponent(selector)}`,
        words: ['delete', kind, '--namespace', namespace, '--selector', selector, '--wait=false'],
        change: {
          method: 'DELETE',
          body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' },
        },
        ...questionOf(options),
      })
    },
    async post(path, body, words, options = {}) {
      return (await ask({ path, words, change: { method: 'POST', body }, ...questionOf(options) })) ?? ''
    },
  }
}

const applyWords = ['apply', '--server-side', '--force-conflicts', '--validate=false']

const questionOf = ({ timeoutSeconds: seconds, once, runDespiteInterrupt }: ChangeOptions) => ({
  seconds,
  once,
  runDespiteInterrupt,
})

const inNamespace = ({ namespaced }: Resource, namespace: string | undefined): string | undefined =>
  namespaced ? (namespace ?? 'default') : undefined
