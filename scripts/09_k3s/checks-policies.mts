import { failed, passed, warning, type Check } from '../../lib/checks.mts'
import type { KubeReader } from '../../lib/kube-reader.mts'
import { systemNamespace } from '../../lib/names.mts'
import { isKitMade } from './kit-made.mts'
import type { K3sSettings } from './settings.mts'
import { closedPort, verdictName, verdictOf, type PolicyProof } from './probe-policies.mts'
import { servedPort } from './probe.mts'
import { probesOf, reach } from './reach.mts'

/** What the probes see of the two policies; undefined without probes. */
export async function provePolicies(kube: KubeReader): Promise<PolicyProof | undefined> {
  const [nodes, [guarded], [confined]] = await Promise.all([
    probesOf(kube, 'node'),
    probesOf(kube, 'guarded'),
    probesOf(kube, 'confined'),
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

export const networkPolicies: Check<K3sSettings> = {
  id: 'k3s.network-policies',
  title: 'NetworkPolicies do what they say, and modules know whether',
  fix: 'run module 9 again: it records what is true now; K3s enforces policies itself unless disable-network-policy is set',
  async ask(tools) {
    const { kube } = tools
    const [proof, recorded] = await Promise.all([
      provePolicies(kube),
      kube.get('configmaps', verdictName, systemNamespace),
    ])
    if (proof === undefined) {
      return (await isKitMade(tools))
        ? failed('its probes are gone')
        : warning('not proven on this cluster: modules leave theirs off')
    }
    const { enforced, reason } = verdictOf(proof)
    const known = (recorded?.['data'] as { enforced?: string } | undefined)?.enforced
    if (known !== String(enforced)) return failed(`${reason}; recorded for modules: ${known ?? 'nothing'}`)
    return enforced ? passed(reason) : warning(`${reason}: modules leave theirs off`)
  },
}
