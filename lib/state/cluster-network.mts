import { systemNamespace } from '../base/names.mts'
import type { LiveObject, Manifest } from '../kube/types.mts'

// What the module that installs the cluster records about its network, for the modules after it.

/** Name of the ConfigMap with the address ranges of a cluster that the kit installed; other clusters do not have it. */
export const factsName = 'cluster'
/** Name of the ConfigMap that says whether NetworkPolicies were proven to be enforced. */
export const verdictName = 'network-policies'

/** A ConfigMap for the kit's own namespace. */
export const systemRecord = (name: string, data: Readonly<Record<string, string>>): Manifest =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: systemNamespace, name }, data }) as Manifest

/** The recorded facts, ranges in CIDR notation; or `off`, the reason why no module may apply NetworkPolicies. */
export type ClusterNetwork =
  { readonly off: string } | { readonly pods: string; readonly services: string; readonly proof: string }

/**
 * Reads the records. NetworkPolicies need a cluster where their enforcement is proven and the sources of requests are
 * known.
 * @param objects the live objects of every module
 */
export function readClusterNetwork(objects: readonly LiveObject[]): ClusterNetwork {
  const dataOf = (name: string) =>
    objects.find(
      ({ kind, metadata }) =>
        kind === 'ConfigMap' && metadata.namespace === systemNamespace && metadata.name === name,
    )?.['data'] as Record<string, string> | undefined
  const [verdict, facts] = [dataOf(verdictName), dataOf(factsName)]
  if (verdict === undefined) return { off: 'whether this cluster enforces them is not proven' }
  const { enforced, reason = '' } = verdict
  if (enforced !== 'true') return { off: `this cluster does not enforce them: ${reason}` }
  const { pods, services, ingress } = facts ?? {}
  if (pods === undefined || services === undefined) return { off: 'the range of its pods is not recorded' }
  // Neither the pods nor the network of a controller that the kit did not install are known.
  if (ingress === 'existing')
    return { off: 'the ingress controller is not the kit’s: from where it reaches pods is not known' }
  return { pods, services, proof: reason }
}
