import { failed, passed, warning, type Check } from '../../../lib/checks/checks.mts'
import { systemNamespace } from '../../../lib/base/names.mts'
import { verdictName } from '../../../lib/state/cluster-network.mts'
import { isKitMade } from '../probes/cluster-facts.mts'
import type { K3sSettings } from '../settings.mts'
import { verdictOf, provePolicies } from '../probes/policies.mts'

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
