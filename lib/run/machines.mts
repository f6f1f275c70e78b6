import type { Arguments } from './request.mts'
import { CertificateExpired, hasKubeconfig, recordedIdentity } from '../kube/cluster.mts'
import type { ClusterOfRun } from './context.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import type { OpenedCluster } from './opened-cluster.mts'
import type { Hosts, HostsOptions } from '../hosts/hosts.mts'
import { log } from '../base/log.mts'
import type { Module } from './module.mts'
import type { Settings } from '../settings/settings.mts'

/** What a module that works on machines has beside the others: its hosts, and the cluster it makes of them. */
export interface Machines {
  readonly hosts: () => Promise<Hosts>
  readonly cluster: ClusterOfRun
  close(): Promise<void>
}

export interface MachinesOptions extends Omit<HostsOptions, 'settings' | 'limit' | 'withoutLost'> {
  readonly settings: () => Settings
  readonly options: Pick<Arguments, 'limit' | 'verb'>
}

/** @param connect goes on with the cluster once its API answers */
export function createMachines(
  { settings, options: { limit, verb }, ...entry }: MachinesOptions,
  connect: () => Promise<void>,
): Machines {
  const { env, writes } = entry
  let hosts: Promise<Hosts> | undefined
  return {
    // The SSH client is loaded by those who use it.
    hosts: () =>
      (hosts ??= import('../hosts/hosts.mts').then(({ openHosts }) =>
        openHosts({ ...entry, settings: settings(), limit, withoutLost: verb === 'uninstall' }),
      )),
    cluster: {
      known: recordedIdentity(env) !== undefined || hasKubeconfig(env),
      keepKubeconfig: async (fetched) =>
        (await import('../kube/save-kubeconfig.mts')).keepKubeconfig(env, fetched, writes),
      connect,
    },
    async close() {
      // Hosts that could not be connected to were told by whoever asked for them.
      const opened = await hosts?.catch(() => undefined)
      opened?.close()
    },
  }
}

/** A step alone, or with a cluster that was never made. */
export const noCluster = (): KitError =>
  new KitError('there is no cluster yet', {
    exitCode: exitCodes.preflight,
    hint: 'install module 9: it begins with the machines',
  })

/** Why a run begins without one, in a heading's few words. */
export const whyNoCluster = (env: string): string =>
  hasKubeconfig(env) ? 'its cluster does not answer' : 'no cluster yet'

/**
 * The cluster of a run. A module that works on machines may begin or end without one: before there is any, and when
 * its API is silent or lets nobody in any more.
 */
export async function openFor(
  module: Module,
  env: string,
  { verb }: Pick<Arguments, 'verb'>,
  open: () => Promise<OpenedCluster>,
): Promise<OpenedCluster | undefined> {
  if (module.machines === undefined || !['install', 'uninstall'].includes(verb)) return open()
  if (!hasKubeconfig(env)) return undefined
  try {
    return await open()
  } catch (thrown) {
    const silent = thrown instanceof KitError && thrown.exitCode === exitCodes.unreachable
    if (!silent && !(thrown instanceof CertificateExpired)) throw thrown
    log.warn(thrown.message, 'the hosts are looked at without it')
    return undefined
  }
}
