import { pollUntil } from '../../../lib/base/poll.mts'
import { NotYet } from '../../../lib/base/errors.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import { log } from '../../../lib/base/log.mts'
import { systemNamespace } from '../../../lib/base/names.mts'
import { verdictName } from '../../../lib/state/cluster-network.mts'
import { provePolicies, verdictOf } from './policies.mts'

/** Milliseconds until a new policy must be enforced on every node; a loaded node takes long. */
export const verdictMilliseconds = 60_000

/** A fix: the journal is the only place where K3s reports that it enforces no policies. */
export const skipped =
  'On each node: journalctl -u k3s -u k3s-agent | grep "Skipping network policy controller": K3s leaves policies alone where ipset does not work; modprobe --all ip_set xt_set, then restart K3s there'

/** Whether policies are enforced, and why not or how it was seen. */
export type Verdict = ReturnType<typeof verdictOf>

/**
 * Reads the verdict that an earlier run recorded.
 * @returns undefined when there is none
 * @throws KitError exit 3, 5 to 9, 12, 130 or 143, see KubeReader
 */
export async function recordedVerdict(kube: KubeReader): Promise<Verdict | undefined> {
  const recorded = await kube.get('configmaps', verdictName, systemNamespace)
  const { enforced, reason = '' } = (recorded?.['data'] ?? {}) as { enforced?: string; reason?: string }
  return enforced === 'true' || enforced === 'false' ? { enforced: enforced === 'true', reason } : undefined
}

/**
 * Tests the two policies for up to 60 s until they are enforced; only once when an earlier run recorded that they are
 * not.
 * @param known the verdict that an earlier run recorded
 * @throws NotYet while there are no probes, as under --plan of a first run; KitError exit 3, 5 to 9, 12, 130 or 143,
 *   see KubeReader
 */
export async function policyVerdict(kube: KubeReader, known: Verdict | undefined): Promise<Verdict> {
  const started = performance.now()
  const prove = async () => {
    const proof = await provePolicies(kube)
    if (proof === undefined) throw new NotYet('09_k3s_06_deploy_core_apps')
    return verdictOf(proof)
  }
  const verdict = await pollUntil(prove, {
    until: ({ enforced }) => enforced || known?.enforced === false,
    milliseconds: verdictMilliseconds,
    every: 3000,
    waiting: ({ reason }) => `NetworkPolicies: ${reason}`,
  })
  if (verdict.enforced) log.ok(`NetworkPolicies are enforced: ${verdict.reason}`, started)
  else log.warn(`NetworkPolicies: ${verdict.reason}`, `modules leave theirs off. ${skipped}`)
  return verdict
}
