import { hostSources } from '../../../lib/kube/addresses.mts'
import { policy } from '../../../lib/kube/manifests/policies.mts'
import { block, tcp } from '../../../lib/kube/manifests/policy-peers.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import type { Manifest } from '../../../lib/kube/types.mts'
import type { K3sSettings } from '../settings.mts'
import { askedPort, parts, probeNamespace, servedPort } from './probe.mts'

/**
 * A NetworkPolicy by which only hosts of the cluster may send requests to askedPort of the probes: the API server,
 * through which the kit sends them. servedPort stays open to all. The confined probe is allowed too, because its own
 * policy must be what stops it: that proves egress. The guarded probe is not selected: this policy would allow what its
 * own denies.
 * @throws KitError exit 3, 5 to 9, 12, 130 or 143, see KubeReader
 */
export async function guard(
  kube: KubeReader,
  { CLUSTER_CIDR }: Pick<K3sSettings, 'CLUSTER_CIDR'>,
): Promise<Manifest> {
  const sources = hostSources(await kube.list('nodes', {}), CLUSTER_CIDR)
  const [name, component] = ['app.kubernetes.io/name', 'app.kubernetes.io/component'] as const
  return policy(probeNamespace, 'asked', {
    podSelector: {
      matchLabels: { [name]: parts.node[name] },
      matchExpressions: [{ key: component, operator: 'NotIn', values: [parts.guarded[component]] }],
    },
    policyTypes: ['Ingress'],
    ingress: [
      { ports: [tcp(servedPort)] },
      {
        from: [...sources.map((one) => block(one)), { podSelector: { matchLabels: parts.confined } }],
        ports: [tcp(askedPort)],
      },
    ],
  })
}
