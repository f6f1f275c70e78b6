import { pollUntil } from '../../../lib/base/poll.mts'
import { NotYet } from '../../../lib/base/errors.mts'
import type { Manifest } from '../../../lib/kube/types.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import { log } from '../../../lib/base/log.mts'
import { systemNamespace } from '../../../lib/base/names.mts'
import { verdictName } from '../../../lib/state/cluster-network.mts'
import { provePolicies, verdictObject, verdictOf } from './policies.mts'

/** Milliseconds a cluster may take until a policy that was just made holds on every node; a loaded node takes long. */
export const verdictMilliseconds = 60_000

/** Where K3s says that it enforces none, which it does nowhere else. */
export const skipped =
  'On each node: journalctl -u k3s -u k3s-agent | grep "Skipping network policy controller": K3s leaves policies alone where ipset does not work; modprobe --all ip_set xt_set, then restart K3s there'

/** The verdict of an earlier run: `true`, `false`, or undefined. */
export async function recordedVerdict(kube: KubeReader): Promise<string | undefined> {
  const recorded = await kube.get('configmaps', verdictName, systemNamespace)
  return (recorded?.['data'] as { enforced?: string } | undefined)?.enforced
}

/**
 * Proves the two policies, and gives the verdict as the object that holds it. What is known already is not waited for.
 * @throws NotYet while there are no probes, as under --plan of a first run
 */
export async function policyVerdict(kube: KubeReader): Promise<{ enforced: boolean; record: Manifest }> {
  const known = await recordedVerdict(kube)
  const started = performance.now()
  const prove = async () => {
    const proof = await provePolicies(kube)
    if (proof === undefined) throw new NotYet('09_k3s_06_deploy_core_apps')
    return verdictOf(proof)
  }
  const verdict = await pollUntil(prove, {
    until: ({ enforced }) => enforced || known === 'false',
    milliseconds: verdictMilliseconds,
    every: 3000,
    waiting: ({ reason }) => `NetworkPolicies: ${reason}`,
  })
  if (verdict.enforced) log.ok(`NetworkPolicies are enforced: ${verdict.reason}`, started)
  else log.warn(`NetworkPolicies: ${verdict.reason}`, `modules leave theirs off. ${skipped}`)
  return { enforced: verdict.enforced, record: verdictObject(verdict) }
}
