import type { LiveObject } from '../kube/types.mts'
import { isManaged } from '../kube/apply/ownership.mts'

/**
 * The values of live Secrets by key: a lost settings file is filled from them.
 * @param namespaces those of the cluster. Only the kit's own count: in another one a Secret with our labels may be
 *   anybody's who has rights there
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
