import { isCordoned, isReady, isServer, pressuresOf, takesPods, type Look } from './cluster-view.mts'
import type { SystemService } from './system-service.mts'
import { nameOf, type LiveObject } from './types.mts'
import { scaleUp } from './workloads.mts'

// What is wrong with the cluster itself, whatever modules are on it. Pure.

/** One thing that is wrong. */
export interface Fault {
  readonly text: string
  /** A command that helps, where one is known. */
  readonly next?: string
}

/** What is wrong with a cluster, by what it means for modules. */
export interface ClusterFaults {
  /** No module works as it should, and none may be installed. */
  readonly fatal: readonly Fault[]
  /** A part of the cluster is away, or short of something. */
  readonly partial: readonly Fault[]
  /** It works, but the operator should know. */
  readonly notes: readonly Fault[]
}

/** What is wrong with a cluster now. */
export const clusterFaults = (look: Look): ClusterFaults => ({
  fatal: fatalIn(look),
  partial: look.nodes.flatMap(partialOf),
  notes: [...look.nodes.flatMap(cordonOf), ...notesOf(look)],
})

/** The command that lets cordoned nodes take pods again; undefined when none is cordoned. */
export function uncordon(nodes: readonly LiveObject[]): string | undefined {
  const names = nodes.filter(isCordoned).map(({ metadata }) => metadata.name)
  return names.length === 0 ? undefined : `kubectl uncordon ${names.join(' ')}`
}

function fatalIn({ nodes, ingressClasses, dns }: Look): Fault[] {
  const faults: Fault[] = []
  // The servers of a managed cluster are no nodes.
  const servers = nodes.filter(isServer)
  const ready = servers.filter(isReady)
  if (servers.length > 0 && ready.length * 2 <= servers.length)
    faults.push({ text: `${ready.length} of ${servers.length} servers are Ready: no majority` })
  if (!nodes.some(takesPods)) {
    const next = uncordon(nodes)
    faults.push({ text: 'no node that takes pods is Ready', ...(next === undefined ? {} : { next }) })
  }
  if (ingressClasses.length === 0) faults.push({ text: 'there is no IngressClass' })
  if (dns.isServing === false)
    faults.push(absence(dns, 'the cluster DNS (kube-dns)', 'pods resolve no names'))
  return faults
}

function partialOf(node: LiveObject): Fault[] {
  const { name } = node.metadata
  const down = isReady(node) ? [] : [`${nameOf(node)} is not Ready`]
  const short = pressuresOf(node).map(
    (pressure) => `${nameOf(node)} has ${pressure}: it takes no new pods and evicts those it has`,
  )
  return [...down, ...short].map((text) => ({ text, next: `kubectl describe node ${name}   shows why` }))
}

const cordonOf = (node: LiveObject): Fault[] =>
  isCordoned(node)
    ? [
        {
          text: `${nameOf(node)} is cordoned: it takes no new pods`,
          next: `kubectl uncordon ${node.metadata.name}`,
        },
      ]
    : []

function notesOf({ nodes, dns, metrics, provisioner }: Look): Fault[] {
  const notes: Fault[] = []
  const [only = '', ...others] = dns.nodes
  if (only !== '' && others.length === 0 && nodes.filter(takesPods).length > 1)
    notes.push({ text: `the cluster DNS runs on ${only} only: pods resolve no names when it is lost` })
  if (metrics.isServing === false) notes.push(absence(metrics, 'metrics-server', 'autoscalers do not act'))
  if (provisioner !== undefined) notes.push(...crowded(provisioner))
  return notes
}

/** The provisioner of K3s has no leader election: each of its pods acts on every claim. */
function crowded(provisioner: LiveObject): Fault[] {
  const { replicas = 1 } = (provisioner['spec'] ?? {}) as { replicas?: number }
  if (replicas === 1) return []
  const text =
    replicas === 0
      ? `${nameOf(provisioner)} is scaled to 0: no new volume is made`
      : `${nameOf(provisioner)} wants ${replicas} pods: it must be one, for it elects no leader and each makes the same volume`
  return [{ text, next: scaleUp(provisioner) }]
}

/** The fault of a Service without a ready pod. @param means what follows from it */
const absence = ({ scaledToZero }: SystemService, what: string, means: string): Fault =>
  scaledToZero === undefined
    ? { text: `${what} has no ready pod: ${means}` }
    : { text: `${nameOf(scaledToZero)} is scaled to 0: ${means}`, next: scaleUp(scaledToZero) }
