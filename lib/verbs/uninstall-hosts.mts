import { forgetCluster } from '../kube/cluster.mts'
import { confirmName } from '../base/confirm.mts'
import { createUntil } from '../base/poll.mts'
import type { OpenedCluster } from '../run/opened-cluster.mts'
import { log, say } from '../base/log.mts'
import { headingOf } from '../base/names.mts'
import type { Module } from '../run/module.mts'
import type { Session } from '../run/session.mts'
import { isOnlyAdopted } from '../state/revision.mts'
import type { TeardownRun } from '../hosts/teardown.mts'

/**
 * Removes the hosts in --limit from the cluster, which continues without them.
 * @throws KitError exit 2 when their names are not typed; exit 2, 3, 6 to 9, 11 or 12, see openHosts; exit 3, 6 or 9,
 *   see Teardown.losses and removeNodes; exit 130 or 143 on a signal
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

/** The part of an uninstall that concerns hosts. */
export interface Machinery {
  /** What is lost for good, one line each; empty when nothing of the module is on any host. */
  readonly losses: readonly string[]
  /** Saves the cluster before its objects are deleted. @throws KitError exit 3, 6, 9, 130 or 143, see saveCluster */
  save(): Promise<void>
  /**
   * Uninstalls the module from its hosts, and deletes the kubeconfig and the recorded identity of the cluster.
   * @throws KitError exit 6 or 9, see Teardown.destroyCluster; exit 2 or 12, see forgetCluster
   */
  teardown(): Promise<void>
}

/**
 * The teardown of a module's hosts, which are connected first.
 * @returns undefined for a module without hosts, and for an adopted cluster
 * @throws KitError exit 2, 3, 6 to 9, 11, 12, 130 or 143, see openHosts and Teardown.losses
 */
export async function machineryOf<M extends Module>(
  session: Session<M>,
  opened: OpenedCluster | undefined,
): Promise<Machinery | undefined> {
  const { module, env, options } = session
  if (module.machines === undefined || (opened !== undefined && isOnlyAdopted(opened.revisions.all)))
    return undefined
  const teardown = await module.machines.teardown()
  const run = await runOf(session, opened !== undefined)
  return {
    losses: await teardown.losses(run),
    save: () => teardown.saveCluster(run),
    async teardown() {
      // From here on there may be no API server to keep a Lease: the locks on the masters exclude other runs.
      if (!options.plan) await session.leaveCluster()
      await teardown.destroyCluster(run)
      if (options.plan) return
      for (const path of forgetCluster(env)) say(`  Removed   ${path}: the cluster it led to is no more`)
    },
  }
}

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
