import type { Manifest } from '../../../lib/kube/types.mts'
import { systemRecord, verdictName } from '../../../lib/state/cluster-network.mts'
import { askedPort, parts, probeNamespace, servedPort } from './probe.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import { probesOf, reach } from '../../../lib/kube/probes.mts'

// Two NetworkPolicies, one for ingress and one for egress, that show from every node whether the cluster enforces them:
// between the same pods one port is allowed and one is not.

const policy = (name: 'guarded' | 'confined', spec: object): Manifest =>
  ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: probeNamespace, name },
    spec: { podSelector: { matchLabels: parts[name] }, ...spec },
  }) as Manifest

const onlyServed = { ports: [{ protocol: 'TCP', port: servedPort }] }
const nodes = [{ podSelector: { matchLabels: parts.node } }]

/** Both policies. */
export const policies: readonly Manifest[] = [
  policy('guarded', { policyTypes: ['Ingress'], ingress: [{ from: nodes, ...onlyServed }] }),
  policy('confined', { policyTypes: ['Egress'], egress: [{ to: nodes, ...onlyServed }] }),
]

/** How the two policies are enforced. */
export interface PolicyProof {
  /** Flows that are allowed but did not pass. */
  readonly cut: readonly string[]
  /** Flows that are denied but passed. */
  readonly passed: readonly string[]
  /** How many flows were tested, allowed and denied. */
  readonly flows: number
}

/** Whether modules may rely on NetworkPolicies; not on a cluster that stops allowed flows. Pure. */
export function verdictOf({ cut, passed, flows }: PolicyProof): { enforced: boolean; reason: string } {
  if (cut.length > 0) return { enforced: false, reason: `allowed flows do not pass: ${cut.join(', ')}` }
  if (passed.length === 0) return { enforced: true, reason: `${flows} flows as the policies say` }
  const all = passed.length === flows / 2 ? 'not enforced' : 'not enforced everywhere'
  return { enforced: false, reason: `${all}: ${passed.length} forbidden flows pass` }
}

/** The record of the verdict, which modules and reports read. Pure. */
export const verdictObject = ({ enforced, reason }: ReturnType<typeof verdictOf>): Manifest =>
  systemRecord(verdictName, { enforced: String(enforced), reason })

/** The port of the guarded probe and of nodes' probes that neither policy allows. */
export const closedPort = askedPort

/**
 * Tests the two policies from every node.
 * @returns undefined without probes
 * @throws KitError exit 3, 5 to 9, 12, 130 or 143, see KubeReader
 */
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
