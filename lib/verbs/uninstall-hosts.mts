import { forgetCluster } from '../kube/cluster.mts'
import { confirmName } from '../base/confirm.mts'
import { createUntil } from '../base/poll.mts'
import type { OpenedCluster } from '../run/opened-cluster.mts'
import { log, say } from '../base/log.mts'
import { headingOf } from '../base/names.mts'
import type { Module } from '../run/module.mts'
import type { Session } from '../run/session.mts'
import type { TeardownRun } from '../hosts/take-down.mts'

/**
 * Takes the hosts --limit names out of the cluster, which goes on.
 * @throws KitError exit 2 when their names are not typed, and whatever the module refuses
 */
export async function uninstallHosts<M extends Module>(session: Session<M>): Promise<void> {
  const started = performance.now()
  const { module, options, answers, inputs } = session
  const { limit = [], plan } = options
  const teardown = await module.machines?.teardown()
  const run = await runOf(session, true)
  const names = limit.join(',')
  if (!plan) {
    for (const line of (await teardown?.losses(run)) ?? []) say(`  - ${line}`)
    await confirmName(names, `${names} is taken out of the cluster`, answers)
  }
  await teardown?.removeNodes(run)
  if (plan) return
  log.done(`${headingOf(module)}: ${names} taken out of the cluster`, started)
  for (const line of module.machines?.staysOnHost(inputs.current()) ?? []) say(`  Kept      ${line}`)
}

/** What an uninstall of a whole module does to the machines it works on. */
export interface Machinery {
  /** What is lost for good; none when nothing of the module is on any machine. */
  readonly losses: readonly string[]
  teardown(): Promise<void>
}

/** @returns undefined for a module without machines, and for a cluster the kit did not install */
export async function machineryOf<M extends Module>(
  session: Session<M>,
  opened: OpenedCluster | undefined,
): Promise<Machinery | undefined> {
  const { module, env, options } = session
  if (module.machines === undefined || (opened !== undefined && isForeign(opened))) return undefined
  const teardown = await module.machines.teardown()
  const run = await runOf(session, opened !== undefined)
  return {
    losses: await teardown.losses(run),
    async teardown() {
      // From here on there may be no API to hold a Lease in: the locks on the masters keep other runs off.
      if (!options.plan) await session.leaveCluster()
      await teardown.destroyCluster(run)
      if (options.plan) return
      for (const path of forgetCluster(env)) say(`  Removed   ${path}: the cluster it led to is no more`)
    },
  }
}

/** True for a cluster that was only ever found good. */
const isForeign = ({ revisions: { all } }: OpenedCluster): boolean =>
  all.some(({ state }) => state === 'adopted') &&
  all.every(({ state }) => state === 'adopted' || state === 'uninstalled')

const runOf = async <M extends Module>(
  { machines, inputs, options, writes }: Session<M>,
  released: boolean,
): Promise<TeardownRun> => ({
  hosts: await machines().hosts(),
  settings: inputs.current(),
  until: createUntil(writes.planning),
  planning: options.plan,
  released,
})
