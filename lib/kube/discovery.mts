import { exitCodes, KitError } from '../base/errors.mts'
import { fields, listOf, optional, optionalOrNull, readShape, text, type Shape } from '../base/shape.mts'
import { jsonIn } from './json-answer.mts'
import type { Ask } from './question.mts'
import type { Manifest } from './types.mts'

// The API paths of kinds (Kubernetes API discovery), requested once a run for each group and version.

/** Exit 9: the API server has no such kind. Its CustomResourceDefinition is missing, or another version of it. */
export class UnknownKind extends KitError {
  /** @param called `clusterissuers.cert-manager.io`, or kind and version @param name that of an object of the kind */
  constructor(called: string, name?: string) {
    super(`the cluster has no kind ${called}`, {
      exitCode: exitCodes.rolloutFailed,
      details: name === undefined ? [] : [`It is that of the object ${name}.`],
      hint: 'kubectl api-resources   lists the kinds there are: install what brings this one first',
    })
  }
}

/** A kind of objects of the API server. */
export interface Resource {
  /** The path of its group and version: `/apis/apps/v1`, `/api/v1` */
  readonly version: string
  /** `deployments` */
  readonly plural: string
  /** As kubectl names it: `deployments.apps` */
  readonly called: string
  readonly namespaced: boolean
}

/** The path of a kind's objects. @param namespace undefined for all namespaces, and for a kind that is in none */
export const pathOf = ({ version, plural }: Resource, namespace: string | undefined): string =>
  namespace === undefined
    ? `${version}/${plural}`
    : `${version}/namespaces/${encodeURIComponent(namespace)}/${plural}`

/**
 * Finds kinds. Both methods throw KitError exit 9 when the cluster has no such kind, exit 3 when the response is not
 * that of an API server; see also Ask.
 */
export interface Discovery {
  /** @param called as kubectl names a kind, without version: `deployments.apps`, `pods` */
  ofName(called: string): Promise<Resource>
  /** Whether the cluster has a kind. @param called as for ofName */
  has(called: string): Promise<boolean>
  /** The kind of an object. */
  ofKind(object: Manifest): Promise<Resource>
}

const flag: Shape<boolean> = (value) => value === true

/** The response to `/apis/apps`. */
const groupShape = fields({
  preferredVersion: optionalOrNull(fields({ groupVersion: text })),
  versions: listOf(fields({ groupVersion: text })),
})

/** The response to `/apis/apps/v1`. A subresource is named `deployments/scale`. */
const versionShape = fields({
  resources: listOf(fields({ name: text, kind: text, namespaced: optional(flag) })),
})

type Listed = ReturnType<typeof versionShape>['resources']

const hint = 'something else than an API server answers there: check the server address in the kubeconfig'

/** The kinds of one cluster. One that was not found is requested again the next time: a run may create it. */
export function createDiscovery(ask: Ask): Discovery {
  const known = new Map<string, Promise<unknown>>()

  async function read<T>(path: string, shape: Shape<T>): Promise<T | undefined> {
    const words = ['get', '--raw', path]
    const asked = known.get(path) ?? ask({ path, words, absentAt: [404] })
    known.set(path, asked)
    try {
      const body = (await asked) as string | undefined
      if (body === undefined) known.delete(path)
      return body === undefined
        ? undefined
        : readShape(`the API server at ${path}`, shape, jsonIn(body, words), {
            hint,
            exitCode: exitCodes.preflight,
          })
    } catch (thrown) {
      known.delete(path)
      throw thrown
    }
  }

  /** The first kind of a version that fits. */
  async function find(
    version: string,
    fits: (one: Listed[number]) => boolean,
  ): Promise<Resource | undefined> {
    const listed = (await read(version, versionShape))?.resources ?? []
    const found = listed.find((one) => !one.name.includes('/') && fits(one))
    if (found === undefined) return void known.delete(version)
    const [, group] = /^\/apis\/([^/]+)\//.exec(version) ?? []
    const { name: plural, namespaced = false } = found
    return { version, plural, namespaced, called: group === undefined ? plural : `${plural}.${group}` }
  }

  /** The paths of a group's versions, the preferred one first. */
  async function versionsOf(group: string): Promise<readonly string[]> {
    if (group === '') return ['/api/v1']
    const found = await read(`/apis/${encodeURIComponent(group)}`, groupShape)
    const names = [found?.preferredVersion, ...(found?.versions ?? [])].flatMap(
      (one) => one?.groupVersion ?? [],
    )
    return [...new Set(names)].map((name) => `/apis/${name}`)
  }

  async function named(called: string): Promise<Resource | undefined> {
    const [plural = '', ...group] = called.split('.')
    for (const version of await versionsOf(group.join('.'))) {
      const found = await find(version, ({ name }) => name === plural)
      if (found !== undefined) return found
    }
    return undefined
  }

  return {
    has: async (called) => (await named(called)) !== undefined,
    async ofName(called) {
      const found = await named(called)
      if (found !== undefined) return found
      throw new UnknownKind(called)
    },
    async ofKind({ apiVersion = '', kind, metadata = {} }) {
      const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
      const found = await find(path, (one) => one.kind === kind)
      if (found !== undefined) return found
      throw new UnknownKind(`${kind} of ${apiVersion}`, metadata.name)
    },
  }
}
