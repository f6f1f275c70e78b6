import { hostSources } from '../../../lib/kube/addresses.mts'
import { policy } from '../../../lib/kube/manifests/policies.mts'
import { block, tcp } from '../../../lib/kube/manifests/policy-peers.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import type { Manifest } from '../../../lib/kube/types.mts'
import type { K3sSettings } from '../settings.mts'
import { askedPort, parts, probeNamespace, servedPort } from './probe.mts'

/**
 * Lets only hosts of the cluster ask the probes: the API server, by which the kit asks. What they serve stays open to
 * all. The confined probe may ask too: that its own policy keeps it from that is what proves egress. The guarded probe
 * is left out: this policy would open what its own one closes.
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
