import type { LiveObject } from '../kube/types.mts'
import { isManaged } from '../kube/apply/ownership.mts'
import type { LiveValues } from '../state/kept-keys.mts'

/**
 * The values of live Secrets, decoded, by key, and when each one's Secret was created.
 * @param objects live objects of the module
 * @param namespaces all Namespace objects of the cluster. Only Secrets in the kit's own are read: in another one, any
 *   user with rights there can create a Secret with the kit's labels
 */
export function liveValues(objects: readonly LiveObject[], namespaces: readonly LiveObject[]): LiveValues {
  const ours = new Set(namespaces.filter(isManaged).map(({ metadata }) => metadata.name))
  const secrets = objects.filter(
    ({ kind, metadata }) => kind === 'Secret' && ours.has(metadata.namespace ?? ''),
  )
  return {
    values: Object.fromEntries(secrets.flatMap(decoded)),
    since: Object.fromEntries(secrets.flatMap(created)),
  }
}

/**
 * The values alone: a lost settings file is restored from them.
 * @param objects as for liveValues
 * @param namespaces as for liveValues
 */
export const liveSecrets = (
  objects: readonly LiveObject[],
  namespaces: readonly LiveObject[],
): LiveValues['values'] => liveValues(objects, namespaces).values

const dataOf = (secret: LiveObject): [string, string][] =>
  Object.entries((secret['data'] ?? {}) as Record<string, string>)

const decoded = (secret: LiveObject): [string, string][] =>
  dataOf(secret).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()])

const created = (secret: LiveObject): [string, string][] =>
  dataOf(secret).flatMap(([key]) => {
    const when = secret.metadata.creationTimestamp
    return when === undefined ? [] : [[key, when]]
  })
