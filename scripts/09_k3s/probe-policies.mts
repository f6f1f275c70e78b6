import type { Manifest } from '../../lib/k8s.mts'
import { systemNamespace } from '../../lib/names.mts'
import { askedPort, parts, probeNamespace, servedPort } from './probe.mts'

// Two NetworkPolicies, one each way, of which every probe can tell whether the cluster enforces them: the same two
// pods, one port that is open between them and one that is not.

const policy = (name: 'guarded' | 'confined', spec: object): Manifest =>
  ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: probeNamespace, name },
    spec: { podSelector: { matchLabels: parts[name] }, ...spec },
  }) as Manifest

const onlyServed = { ports: [{ protocol: 'TCP', port: servedPort }] }
const nodes = [{ podSelector: { matchLabels: parts.node } }]

export const policies: readonly Manifest[] = [
  policy('guarded', { policyTypes: ['Ingress'], ingress: [{ from: nodes, ...onlyServed }] }),
  policy('confined', { policyTypes: ['Egress'], egress: [{ to: nodes, ...onlyServed }] }),
]

/** What the probes saw of the two policies. */
export interface PolicyProof {
  /** Flows that are allowed and did not pass. */
  readonly cut: readonly string[]
  /** Flows that are forbidden and passed. */
  readonly passed: readonly string[]
  readonly flows: number
}

/** Whether modules may rely on NetworkPolicies here; a cluster that cuts allowed flows is no better than none. */
export function verdictOf({ cut, passed, flows }: PolicyProof): { enforced: boolean; reason: string } {
  if (cut.length > 0) return { enforced: false, reason: `allowed flows do not pass: ${cut.join(', ')}` }
  if (passed.length === 0) return { enforced: true, reason: `${flows} flows as the policies say` }
  const all = passed.length === flows / 2 ? 'not enforced' : 'not enforced everywhere'
  return { enforced: false, reason: `${all}: ${passed.length} forbidden flows pass` }
}

export const verdictName = 'network-policies'

/** The verdict, where modules and reports read it. */
export const verdictObject = ({ enforced, reason }: ReturnType<typeof verdictOf>): Manifest =>
  ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: systemNamespace, name: verdictName },
    data: { enforced: String(enforced), reason },
  }) as Manifest

/** The port of a single probe that no policy opens. */
export const closedPort = askedPort
