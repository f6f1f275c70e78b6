import { failed, passed, warning, type Check } from '../../../lib/checks/checks.mts'
import { pollUntil } from '../../../lib/base/poll.mts'
import { isKitMade } from '../probes/cluster-facts.mts'
import type { K3sSettings } from '../settings.mts'
import { verdictMilliseconds, recordedVerdict, skipped } from '../probes/policy-verdict.mts'
import { verdictOf, provePolicies } from '../probes/policies.mts'

export const networkPolicies: Check<K3sSettings> = {
  id: 'k3s.network-policies',
  title: 'NetworkPolicies do what they say, and modules know whether',
  fix: `${skipped}. After a firewall was loaded anew restart K3s too; then module 9 again: it records what is true`,
  async ask(tools) {
    const { kube } = tools
    const known = await recordedVerdict(kube)
    // A node that has just started, or whose firewall was reloaded, accepts everything for a while.
    const proof = await pollUntil(() => provePolicies(kube), {
      until: (seen) => known?.enforced !== true || seen === undefined || verdictOf(seen).enforced,
      milliseconds: verdictMilliseconds,
      every: 3000,
      waiting: (seen) => `NetworkPolicies: ${seen && verdictOf(seen).reason}`,
    })
    if (proof === undefined) {
      return (await isKitMade(tools))
        ? failed('its probes are gone')
        : warning('not proven on this cluster: modules leave theirs off')
    }
    const { enforced, reason } = verdictOf(proof)
    if (known?.enforced !== enforced)
      return failed(
        `${reason}; recorded for modules: ${known === undefined ? 'nothing' : String(known.enforced)}`,
      )
    return enforced ? passed(reason) : warning(`${reason}: modules leave theirs off`)
  },
}
