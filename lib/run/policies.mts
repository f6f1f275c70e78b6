import { hostSources, nodeAddresses } from '../kube/addresses.mts'
import { policies, type Flow } from '../kube/manifests/policies.mts'
import type { Surroundings } from '../kube/manifests/policy-peers.mts'
import type { Kube } from '../kube/apply/kube.mts'
import type { Job, LiveObject, Manifest, NetworkPolicy } from '../kube/types.mts'
import type { Settings } from '../settings/settings.mts'
import { targetsOf } from '../settings/platform-network.mts'
import type { ClusterNetwork } from '../state/cluster-network.mts'
import type { Module } from './module.mts'

// From a module's flows to the NetworkPolicies of its steps. Pure, but for the Kube that applies them.

/** Whether the policies of a run are applied: in these surroundings, by this proof of their enforcement; or why not. */
export type PolicyChoice =
  { readonly surroundings: Surroundings; readonly proof: string } | { readonly off: string }

/** What is known of the cluster: the records about its network, and its Node objects. */
export interface KnownNetwork {
  readonly network: ClusterNetwork
  readonly nodes: readonly LiveObject[]
}

/** Decides whether a module's policies are applied. Without flows its namespace stays open. */
export function choosePolicies(
  module: Pick<Module, 'flows'>,
  settings: Settings,
  { network, nodes }: KnownNetwork,
): PolicyChoice {
  if (module.flows === undefined) return { off: 'this module declares no flows' }
  if (settings['NETWORK_POLICIES'] === 'off') return { off: 'NETWORK_POLICIES is off' }
  if ('off' in network) return network
  const { PRIVATE_TARGETS: targets } = settings
  return {
    surroundings: {
      sources: hostSources(nodes, network.pods),
      nodes: nodeAddresses(nodes),
      ranges: [network.pods, network.services],
      targets: targetsOf(targets === undefined ? undefined : String(targets)),
    },
    proof: network.proof,
  }
}

/**
 * The NetworkPolicies by the step they belong to: the first that declares pods they select, else the module's first.
 * @param declared the module's objects by step, one Namespace among them
 * @throws Error when there is no Namespace: a bug of the module
 */
export function policiesBySteps(
  module: Pick<Module, 'flows'>,
  settings: Settings,
  declared: Readonly<Record<string, readonly Manifest[]>>,
  { surroundings }: { readonly surroundings: Surroundings },
): Readonly<Record<string, readonly NetworkPolicy[]>> {
  const namespace = Object.values(declared)
    .flat()
    .find(({ kind }) => kind === 'Namespace')?.metadata?.name
  if (namespace === undefined) throw new Error('a module with flows declares no Namespace')
  const steps = Object.keys(declared)
  const found: Record<string, NetworkPolicy[]> = {}
  const flows = [...(module.flows?.(settings) ?? []), ...solverFlows(settings)]
  for (const one of policies(namespace, flows, surroundings)) {
    const labels = one.spec?.podSelector.matchLabels ?? {}
    const step = steps.find((id) => declared[id]?.some((object) => hasPods(object, labels))) ?? steps[0] ?? ''
    ;(found[step] ??= []).push(one)
  }
  return found
}

/** cert-manager proves a name by a pod of its own beside the Ingress (HTTP-01), also at each renewal. */
const solverFlows = ({ TLS_MODE }: Settings): Flow[] =>
  TLS_MODE === 'issuer'
    ? [{ from: 'nodes', to: { pods: { 'acme.cert-manager.io/http01-solver': 'true' } }, port: 8089 }]
    : []

/** True for an object whose pods have all of these labels. */
function hasPods(object: Manifest, labels: Readonly<Record<string, string>>): boolean {
  const { template } = (object as Job).spec ?? {}
  const theirs = template?.metadata?.labels ?? {}
  return template !== undefined && Object.entries(labels).every(([key, value]) => theirs[key] === value)
}

/** The objects of one step: its policies come after the Namespace, and before everything else. */
export const withPolicies = (
  objects: readonly Manifest[],
  own: readonly NetworkPolicy[] = [],
): readonly Manifest[] => [
  ...objects.filter(({ kind }) => kind === 'Namespace'),
  ...own,
  ...objects.filter(({ kind }) => kind !== 'Namespace'),
]

/** The Kube of a step that applies its policies with the step's first batch, before any pod of it. */
export function applyingPolicies(kube: Kube, own: () => readonly NetworkPolicy[]): Kube {
  let isFirst = true
  return {
    ...kube,
    async apply(manifests) {
      const wanted = isFirst ? withPolicies(manifests, own()) : manifests
      isFirst = false
      await kube.apply(wanted)
    },
  }
}

/** The manifests of an earlier revision, without the policies of its flows where none are applied now. */
export const withoutUnproven = (
  { flows }: Pick<Module, 'flows'>,
  manifests: readonly Manifest[],
  choice: PolicyChoice,
): readonly Manifest[] =>
  flows === undefined || 'surroundings' in choice
    ? manifests
    : manifests.filter(({ kind }) => kind !== 'NetworkPolicy')

/** The report's line about NetworkPolicies. @param applied how many are in the current revision */
export function policyLine(choice: PolicyChoice, applied: number): string {
  if ('off' in choice)
    return applied === 0
      ? `NetworkPolicies: none are applied: ${choice.off}.`
      : `NetworkPolicies: ${applied} are applied, and ${choice.off}: the next install deletes them.`
  return applied === 0
    ? 'NetworkPolicies: none are applied yet: the next install applies them.'
    : `NetworkPolicies: ${applied} are applied. That the cluster enforces policies is proven (${choice.proof}); what each of these refuses was not tried.`
}
