import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { pollUntil } from '../../../lib/base/poll.mts'
import { written } from '../../../lib/base/written.mts'
import type { DrillTools } from '../../../lib/checks/drills.mts'
import type { Hosts } from '../../../lib/hosts/hosts.mts'
import { isOpenToAll, isReady } from '../../../lib/kube/cluster-view.mts'
import { probesOf } from '../../../lib/kube/probes.mts'
import { nameOf, type LiveObject } from '../../../lib/kube/types.mts'
import { parts } from '../probes/probe.mts'
import type { K3sSettings } from '../settings.mts'
import type { Machine } from './stop-hard.mts'
import { tightBudgets } from './whole.mts'

// Which machines a drill may stop. It stops none where that could cost more than what it proves.

type Tools = Pick<DrillTools<K3sSettings>, 'kube'>

/** Milliseconds in which a budget has something to spare again after a rollout. */
const settling = 60_000

/** The machines to stop, in this order, and those that stay with the reason why. */
export interface Plan {
  readonly machines: readonly Machine[]
  /** `the masters (1: ...)` */
  readonly left: readonly string[]
  /** PodDisruptionBudgets of one pod that never allow it to be away, by nameOf: no reason to wait. */
  readonly single: readonly string[]
}

/**
 * The machines to stop: workers, then masters, each group from the last one of servers.tsv. The masters only when one
 * of them may be away, a machine only when another one takes its pods. Pure.
 */
export function machinesOf(
  { masters, workers, members }: Pick<Hosts, 'masters' | 'workers' | 'members'>,
  nodes: readonly LiveObject[],
): Omit<Plan, 'single'> {
  const servers = members.filter(({ role }) => role === 'master').length
  // Also of nodes that are not Ready: no drill begins before all are.
  const open = nodes.filter(isOpenToAll).map(({ metadata }) => metadata.name)
  const isOnly = (name: string) => open.length === 1 && open[0] === name
  const all = [
    ...workers.toReversed().map((host): Machine => ({ host, role: 'agent' })),
    ...masters.toReversed().map((host): Machine => ({ host, role: 'server' })),
  ]
  const few = servers < 3 && masters.length > 0
  const others = members.filter(({ name }) => !all.some(({ host }) => host.name === name))
  const alone = all.find(({ host }) => isOnly(host.name))
  return {
    machines: all.filter(({ host, role }) => !(few && role === 'server') && !isOnly(host.name)),
    left: [
      ...(others.length === 0 ? [] : [`${others.map(({ name }) => name).join(', ')} (not in --limit)`]),
      ...(few ? [`the masters (${servers}: etcd has no majority without one of them)`] : []),
      ...(alone === undefined || (few && alone.role === 'server')
        ? []
        : [`${alone.host.name} (no other node takes its pods)`]),
    ],
  }
}

/**
 * The plan of a drill that may begin.
 * @throws KitError exit 3 when a worker of --limit cannot be connected to, a node is not Ready or has no probe, a
 *   PodDisruptionBudget of several pods has nothing to spare, or no machine may be away; as KubeReader
 */
export async function requirePlan(tools: Tools, hosts: Hosts): Promise<Plan> {
  const { kube } = tools
  const [nodes, probes] = await Promise.all([kube.list('nodes', {}), probesOf(kube, parts.node)])
  const plan = machinesOf(hosts, nodes)
  const names = nodes.map(({ metadata }) => metadata.name)
  const lost = hosts.lost.filter(({ limited }) => limited)
  const problems = [
    ...lost.map(({ name }) => `${name} cannot be connected to: nothing could start its K3s again`),
    ...nodes.filter((node) => !isReady(node)).map((node) => `${nameOf(node)} is not Ready`),
    ...names
      .filter((name) => !probes.some(({ node }) => node === name))
      .map((name) => `no probe runs on ${name}: what the machine takes away could not be seen`),
    ...plan.machines
      .filter(({ host }) => !names.includes(host.name))
      .map(({ host }) => `${host.name} has no Node`),
    ...(plan.machines.length === 0 ? [`no machine may be away: ${plan.left.join(', ')}`] : []),
  ]
  if (problems.length > 0) throw refused(problems)
  const { several, single } = await pollUntil(() => tightBudgets(tools), {
    until: (tight) => tight.several.length === 0,
    milliseconds: settling,
    every: 2000,
    waiting: (tight) => `${tight.several.join(', ')}: nothing to spare yet`,
  })
  if (several.length > 0) throw refused(several.map((one) => `${one} has nothing to spare`))
  return { ...plan, single }
}

const refused = (problems: readonly string[]): KitError =>
  new KitError('the drill cannot begin: the cluster could lose more than one machine', {
    exitCode: exitCodes.preflight,
    details: [...problems, written()],
    hint: 'repair that first; a host that cannot take part is left out by naming the others with --limit',
  })
