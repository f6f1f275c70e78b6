import { isIP } from 'node:net'
import type { NetworkPolicy } from '../types.mts'
import { sha256 } from './objects.mts'
import {
  apiServer,
  block,
  internet,
  tcp,
  type Egress,
  type Ingress,
  type Peer,
  type Spec,
  type Surroundings,
} from './policy-peers.mts'

// NetworkPolicies of one module, from its table of flows. Pure.

type Labels = Readonly<Record<string, string>>

/** Pods with all of these labels, `{}` for every pod: of the module's own namespace unless another one is named. */
export interface Pods {
  readonly pods: Labels
  readonly namespace?: string
}

/** A TCP port of a host outside the cluster. */
export interface Endpoint {
  /** An IPv4 address, or a DNS name: NetworkPolicies have no names, so the port is then open at every address. */
  readonly host: string
  readonly port: number
}

/** Pods that receive connections on one TCP port: from `nodes`, that is ingress controller, API server and kubelet. */
interface FlowToPods {
  readonly from: 'nodes' | Pods
  readonly to: Pods
  readonly port: number
}

/** Pods that open connections to hosts outside the cluster. */
interface FlowOut {
  readonly from: Pods
  /** `internet`: every public address and PRIVATE_TARGETS, any port; the ingress of the nodes by its public names. */
  readonly to: 'internet' | readonly Endpoint[]
}

/** Pods that connect to the API server, on the nodes where it listens. */
interface FlowToApi {
  readonly from: Pods
  readonly to: 'api-server'
}

/** One row of a module's table of flows. One end, at least, is in the module's own namespace. */
export type Flow = FlowToPods | FlowOut | FlowToApi

/** A port of a host outside the cluster; empty without a host (SMTP_HOST is optional). */
export const endpoint = (host: string | undefined, port: number): Endpoint[] =>
  host === undefined ? [] : [{ host, port }]

/** Every pod of the namespace. */
export const everyPod: Pods = { pods: {} }

/**
 * The policies of one namespace: they allow only DNS and these flows, each at both ends. Their names contain a hash: a
 * changed policy is a new object, and the old one is deleted after the rollout, so old pods keep their flows.
 * @returns the default deny last, so that the flows are allowed before it is applied
 */
export function policies(
  namespace: string,
  flows: readonly Flow[],
  surroundings: Surroundings,
): NetworkPolicy[] {
  const own = (side: Flow['from' | 'to']): Labels[] =>
    typeof side === 'object' && 'pods' in side && (side.namespace ?? namespace) === namespace
      ? [side.pods]
      : []
  const selectors = new Map(
    flows.flatMap(({ from, to }) =>
      [...own(from), ...own(to)].map((labels) => [JSON.stringify(labels), labels] as const),
    ),
  )
  const opened = [...selectors].flatMap(([key, labels]) => {
    const isThem = (side: Flow['from' | 'to']): boolean =>
      own(side).some((one) => JSON.stringify(one) === key)
    return openings(namespace, labels, {
      ingress: flows.flatMap((flow) =>
        'port' in flow && isThem(flow.to) ? [ingressOf(namespace, flow, surroundings)] : [],
      ),
      egress: flows.flatMap((flow) => (isThem(flow.from) ? egressOf(namespace, flow, surroundings) : [])),
    })
  })
  return [...opened, defaultDeny(namespace)]
}

/** Denies every pod everything but DNS; the other policies add what they allow. */
const defaultDeny = (namespace: string): NetworkPolicy =>
  policy(namespace, 'default-deny', {
    podSelector: {},
    policyTypes: ['Ingress', 'Egress'],
    egress: [{ to: [dns], ports: [{ protocol: 'UDP', port: 53 }, tcp(53)] }],
  })

const dns: Peer = {
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
  podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
}

function openings(
  namespace: string,
  labels: Labels,
  { ingress, egress }: { readonly ingress: Ingress[]; readonly egress: Egress[] },
): NetworkPolicy[] {
  if (ingress.length + egress.length === 0) return []
  const spec: Spec = {
    podSelector: { matchLabels: { ...labels } },
    policyTypes: [
      ...(ingress.length > 0 ? (['Ingress'] as const) : []),
      ...(egress.length > 0 ? (['Egress'] as const) : []),
    ],
    ...(ingress.length > 0 ? { ingress } : {}),
    ...(egress.length > 0 ? { egress } : {}),
  }
  return [policy(namespace, ['flows', ...wordsOf(labels), sha256(spec).slice(0, 8)].join('-'), spec)]
}

/** Labels as words of a name: their values, or for `true` the name of the label. */
function wordsOf(labels: Labels): string[] {
  const words = Object.entries(labels).map(([key, value]) =>
    value === 'true' ? key.replace(/^.*\//, '') : value,
  )
  return words.length === 0 ? ['every-pod'] : words
}

/** A NetworkPolicy with these fields. */
export const policy = (namespace: string, name: string, spec: Spec): NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { namespace, name },
  spec,
})

const ingressOf = (namespace: string, { from, port }: FlowToPods, { sources }: Surroundings): Ingress => ({
  from: from === 'nodes' ? sources.map((address) => block(address)) : [peer(namespace, from)],
  ports: [tcp(port)],
})

function egressOf(namespace: string, flow: Flow, surroundings: Surroundings): Egress[] {
  if ('port' in flow) return [{ to: [peer(namespace, flow.to)], ports: [tcp(flow.port)] }]
  if (flow.to === 'internet') return internet(surroundings)
  if (flow.to === 'api-server') return apiServer(surroundings)
  return flow.to.map(({ host, port }) => ({
    to: [block(isIP(host) === 4 ? host : '0.0.0.0/0')],
    ports: [tcp(port)],
  }))
}

const peer = (namespace: string, { pods, namespace: other = namespace }: Pods): Peer => ({
  ...(other === namespace
    ? {}
    : { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': other } } }),
  podSelector: { matchLabels: { ...pods } },
})
