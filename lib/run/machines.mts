import type { Arguments } from './request.mts'
import { ForeignAuthority } from '../kube/authority.mts'
import { CertificateExpired, hasKubeconfig, recordedIdentity } from '../kube/cluster.mts'
import type { ClusterOfRun } from './context.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import type { OpenedCluster } from './opened-cluster.mts'
import type { Hosts, HostsOptions } from '../hosts/hosts.mts'
import { log } from '../base/log.mts'
import type { Module } from './module.mts'
import type { Settings } from '../settings/settings.mts'

/** The hosts of a module that works on machines, and the cluster it creates on them. */
export interface Machines {
  /** Connects at the first call. @throws KitError exit 2, 3, 6 to 9, 11, 12, 130 or 143, see openHosts */
  readonly hosts: () => Promise<Hosts>
  readonly cluster: ClusterOfRun
  /** Closes the connections, if there are any. */
  close(): Promise<void>
}

export interface MachinesOptions extends Omit<HostsOptions, 'settings' | 'limit' | 'withoutLost'> {
  readonly settings: () => Settings
  readonly options: Pick<Arguments, 'limit' | 'verb'>
}

/**
 * The machines of a run; no connection before `hosts` is called.
 * @param session what the run itself knows of its cluster, see ClusterOfRun
 * @throws KitError exit 2 when kubeconfig or cluster.env cannot be read, or others may read it
 */
export function createMachines(
  { settings, options: { limit, verb }, ...entry }: MachinesOptions,
  session: Pick<ClusterOfRun, 'connect' | 'isProven'>,
): Machines {
  const { env, writes } = entry
  let hosts: Promise<Hosts> | undefined
  return {
    // The SSH client is loaded at its first use.
    hosts: () =>
      (hosts ??= import('../hosts/hosts.mts').then(({ openHosts }) =>
        openHosts({ ...entry, settings: settings(), limit, withoutLost: verb === 'uninstall' }),
      )),
    cluster: {
      known: recordedIdentity(env) !== undefined || hasKubeconfig(env),
      keepKubeconfig: async (fetched) =>
        (await import('../kube/save-kubeconfig.mts')).keepKubeconfig(env, fetched, writes),
      ...session,
    },
    async close() {
      // A failed connection was already reported to the caller of `hosts`.
      const opened = await hosts?.catch(() => undefined)
      opened?.close()
    },
  }
}

/** Exit 3: a step needs a cluster, and there is none. */
export const noCluster = (): KitError =>
  new KitError('there is no cluster yet', {
    exitCode: exitCodes.preflight,
    hint: 'install module 9: it begins with the machines',
  })

/** Why a run begins without a cluster, for its heading. @throws KitError exit 2 when others may read the kubeconfig */
export const whyNoCluster = (env: string): string =>
  hasKubeconfig(env) ? 'its cluster does not answer' : 'no cluster yet'

/**
 * Opens the cluster of a run. Undefined for an install or uninstall of a module that works on machines, while there is
 * no cluster, its API server does not answer, or the kubeconfig's certificate has expired or is another cluster's.
 * @throws KitError exit 2 when others may read the kubeconfig; what `open` throws, except exit 6, CertificateExpired
 *   and ForeignAuthority in these cases
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
    const isOld = thrown instanceof CertificateExpired || thrown instanceof ForeignAuthority
    if (!silent && !isOld) throw thrown
    log.warn(thrown.message, 'the hosts are looked at without it')
    return undefined
  }
}
