import type { LiveObject } from '../kube/types.mts'
import { isManaged } from '../kube/apply/ownership.mts'

/**
 * The values of live Secrets, decoded, by key: a lost settings file is restored from them.
 * @param objects live objects of the module
 * @param namespaces all Namespace objects of the cluster. Only Secrets in the kit's own are read: in another one, any
 *   user with rights there can create a Secret with the kit's labels
 */
export function liveSecrets(
  objects: readonly LiveObject[],
  namespaces: readonly LiveObject[],
): Readonly<Record<string, string>> {
  const ours = new Set(namespaces.filter(isManaged).map(({ metadata }) => metadata.name))
  const secrets = objects.filter(
    ({ kind, metadata }) => kind === 'Secret' && ours.has(metadata.namespace ?? ''),
  )
  return Object.fromEntries(secrets.flatMap(decoded))
}

const decoded = (secret: LiveObject): [string, string][] =>
  Object.entries((secret['data'] ?? {}) as Record<string, string>).map(([key, value]) => [
    key,
    Buffer.from(value, 'base64').toString(),
  ])
