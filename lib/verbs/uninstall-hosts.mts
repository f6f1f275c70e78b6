import { forgetCluster } from '../kube/cluster.mts'
import { confirmName } from '../base/confirm.mts'
import { createUntil } from '../base/poll.mts'
import type { OpenedCluster } from '../run/opened-cluster.mts'
import { log, say } from '../base/log.mts'
import { headingOf } from '../base/names.mts'
import type { Module } from '../run/module.mts'
import type { Session } from '../run/session.mts'
import type { TakingDown } from '../hosts/take-down.mts'

/**
 * Takes the hosts --limit names out of the cluster, which goes on.
 * @throws KitError exit 2 when their names are not typed, and whatever the module refuses
 */
export async function uninstallHosts<M extends Module>(session: Session<M>): Promise<void> {
  const started = performance.now()
  const { module, given, answers, inputs } = session
  const { limit = [], plan } = given
  const takeDown = await module.machines?.takeDown()
  const run = await runOf(session, true)
  const names = limit.join(',')
  if (!plan) {
    for (const line of (await takeDown?.losses(run)) ?? []) say(`  - ${line}`)
    await confirmName(names, `${names} is taken out of the cluster`, answers)
  }
  await takeDown?.fromCluster(run)
  if (plan) return
  log.done(`${headingOf(module)}: ${names} taken out of the cluster`, started)
  for (const line of module.machines?.staysOnHost(inputs.current()) ?? []) say(`  Stays     ${line}`)
}

/** What an uninstall of a whole module does to the machines it works on. */
export interface Machinery {
  /** What is lost for good; none when nothing of the module is on any machine. */
  readonly losses: readonly string[]
  takeDown(): Promise<void>
}

/** @returns undefined for a module without machines, and for a cluster the kit did not install */
export async function machineryOf<M extends Module>(
  session: Session<M>,
  opened: OpenedCluster | undefined,
): Promise<Machinery | undefined> {
  const { module, env, given } = session
  if (module.machines === undefined || (opened !== undefined && isForeign(opened))) return undefined
  const takeDown = await module.machines.takeDown()
  const run = await runOf(session, opened !== undefined)
  return {
    losses: await takeDown.losses(run),
    async takeDown() {
      // From here on there may be no API to hold a Lease in: the locks on the masters keep other runs off.
      if (!given.plan) await session.leaveCluster()
      await takeDown.entirely(run)
      if (given.plan) return
      for (const path of forgetCluster(env)) say(`  Gone      ${path}: the cluster it led to is no more`)
    },
  }
}

/** True for a cluster that was only ever found good. */
const isForeign = ({ revisions: { all } }: OpenedCluster): boolean =>
  all.some(({ state }) => state === 'adopted') &&
  all.every(({ state }) => state === 'adopted' || state === 'uninstalled')

const runOf = async <M extends Module>(
  { machines, inputs, given, writes }: Session<M>,
  released: boolean,
): Promise<TakingDown> => ({
  hosts: await machines().hosts(),
  settings: inputs.current(),
  until: createUntil(writes.planning),
  planning: given.plan,
  released,
})
