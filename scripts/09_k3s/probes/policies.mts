import type { Manifest } from '../../../lib/kube/types.mts'
import { systemRecord, verdictName } from '../../../lib/state/cluster-network.mts'
import { askedPort, parts, probeNamespace, servedPort } from './probe.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import { probesOf, reach } from '../../../lib/kube/probes.mts'

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

/** The verdict, where modules and reports read it. */
export const verdictObject = ({ enforced, reason }: ReturnType<typeof verdictOf>): Manifest =>
  systemRecord(verdictName, { enforced: String(enforced), reason })

/** The port of a single probe that no policy opens. */
export const closedPort = askedPort

/** What the probes see of the two policies; undefined without probes. */
export async function provePolicies(kube: KubeReader): Promise<PolicyProof | undefined> {
  const [nodes, [guarded], [confined]] = await Promise.all([
    probesOf(kube, parts.node),
    probesOf(kube, parts.guarded),
    probesOf(kube, parts.confined),
  ])
  if (nodes.length === 0 || guarded === undefined || confined === undefined) return undefined
  const flows = [
    ...nodes.map((from) => ({ from, to: guarded })),
    ...nodes.map((to) => ({ from: confined, to })),
  ]
  const item = (address: string, port: number) => `who=${address}:${port}`
  const seen = await Promise.all(
    [...nodes, confined].map(async (from) => {
      const asked = flows
        .filter((flow) => flow.from === from)
        .flatMap(({ to }) => [servedPort, closedPort].map((port) => item(to.address, port)))
      return [from, await reach(kube, from, asked)] as const
    }),
  )
  const passes = new Map(seen)
  const through = (port: number) =>
    flows.filter(({ from, to }) => (passes.get(from)?.get(item(to.address, port)) ?? '') !== '')
  const named = ({ from, to }: (typeof flows)[number]) =>
    from === confined ? `egress to ${to.node}` : `ingress from ${from.node}`
  const open = through(servedPort)
  return {
    cut: flows.filter((flow) => !open.includes(flow)).map(named),
    passed: through(closedPort).map(named),
    flows: flows.length * 2,
  }
}
