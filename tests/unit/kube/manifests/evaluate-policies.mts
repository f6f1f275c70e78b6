import { BlockList } from 'node:net'
import type { NetworkPolicy } from '../../../../lib/kube/types.mts'

// A pure evaluator of NetworkPolicies, by the rules Kubernetes documents for networking.k8s.io/v1.

/** One end of a connection: a pod, or a host or stranger outside the pod network. */
export interface End {
  readonly address: string
  /** Undefined for what is no pod: only ipBlocks can match it, and no policy selects it. */
  readonly pod?: {
    readonly namespace: string
    readonly labels: Readonly<Record<string, string>>
    /** Named container ports. */
    readonly ports?: Readonly<Record<string, number>>
  }
  /** Name of the node a pod runs on, or of the node that is this host. */
  readonly node?: string
}

export interface Connection {
  readonly from: End
  readonly to: End
  readonly port: number
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP'
}

type Spec = NonNullable<NetworkPolicy['spec']>
type Peer = NonNullable<NonNullable<Spec['ingress']>[number]['from']>[number]
type Port = NonNullable<NonNullable<Spec['ingress']>[number]['ports']>[number]
type Selector = NonNullable<Peer['podSelector']>

/** True when egress of the source and ingress of the destination both allow it. Labels of namespaces: their names. */
export const isAllowed = (policies: readonly NetworkPolicy[], connection: Connection): boolean =>
  allows(policies, connection, 'Egress') && allows(policies, connection, 'Ingress')

function allows(
  policies: readonly NetworkPolicy[],
  { from, to, port, protocol = 'TCP' }: Connection,
  direction: 'Ingress' | 'Egress',
): boolean {
  const [subject, other] = direction === 'Egress' ? [from, to] : [to, from]
  if (subject.pod === undefined) return true
  // A node always reaches the pods on it.
  if (
    direction === 'Ingress' &&
    other.pod === undefined &&
    other.node !== undefined &&
    other.node === to.node
  )
    return true
  const { namespace } = subject.pod
  const applying = policies.filter(
    ({ metadata, spec }) =>
      metadata?.namespace === namespace &&
      spec !== undefined &&
      typesOf(spec).includes(direction) &&
      selects(spec.podSelector, subject.pod?.labels ?? {}),
  )
  if (applying.length === 0) return true
  const { ports: named = {} } = to.pod ?? {}
  return applying.some(({ spec }) =>
    direction === 'Egress'
      ? (spec?.egress ?? []).some(
          (rule) =>
            matchesPeer(rule.to, other, namespace) && matchesPort(rule.ports, { port, protocol, named }),
        )
      : (spec?.ingress ?? []).some(
          (rule) =>
            matchesPeer(rule.from, other, namespace) && matchesPort(rule.ports, { port, protocol, named }),
        ),
  )
}

const typesOf = ({ policyTypes, egress }: Spec): readonly string[] =>
  policyTypes ?? ['Ingress', ...(egress === undefined ? [] : ['Egress'])]

/** An absent or empty list matches everything. */
const matchesPeer = (peers: readonly Peer[] | undefined, { address, pod }: End, own: string): boolean =>
  peers === undefined ||
  peers.length === 0 ||
  peers.some(({ ipBlock, namespaceSelector, podSelector }) => {
    if (ipBlock !== undefined)
      return isIn(address, ipBlock.cidr) && !(ipBlock.except ?? []).some((range) => isIn(address, range))
    if (pod === undefined) return false
    const inNamespace =
      namespaceSelector === undefined
        ? pod.namespace === own
        : selects(namespaceSelector, { 'kubernetes.io/metadata.name': pod.namespace })
    return inNamespace && (podSelector === undefined || selects(podSelector, pod.labels))
  })

const matchesPort = (
  ports: readonly Port[] | undefined,
  { port, protocol, named }: { port: number; protocol: string; named: Readonly<Record<string, number>> },
): boolean =>
  ports === undefined ||
  ports.length === 0 ||
  ports.some((one) => {
    if ((one.protocol ?? 'TCP') !== protocol) return false
    if (one.port === undefined) return true
    if (typeof one.port === 'string') return named[one.port] === port
    return port >= one.port && port <= (one.endPort ?? one.port)
  })

function selects(
  { matchLabels = {}, matchExpressions = [] }: Selector,
  labels: Readonly<Record<string, string>>,
) {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key]
      if (operator === 'In') return value !== undefined && values.includes(value)
      if (operator === 'NotIn') return value === undefined || !values.includes(value)
      return (operator === 'Exists') === (value !== undefined)
    })
  )
}

function isIn(address: string, range: string): boolean {
  const [network = '', bits = '32'] = range.split('/')
  const list = new BlockList()
  list.addSubnet(network, Number(bits))
  return list.check(address)
}
