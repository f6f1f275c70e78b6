import type { Hosts } from './hosts.mts'
import type { Settings } from '../settings/settings.mts'
import type { Until } from '../base/poll.mts'

/** How a module that works on hosts is removed from them. */
export interface Teardown {
  /**
   * What is lost for good with these hosts, one line each, shown before the confirmation.
   * @throws KitError exit 3, 6 or 9 when a host cannot be read
   */
  losses(run: TeardownRun): Promise<readonly string[]>
  /**
   * Removes hosts from the cluster, which continues without them.
   * @throws KitError exit 3 when the cluster would not survive it, exit 6 without a healthy server or when a connection
   *   is lost, exit 9 when a change fails or a host was not connected; what the gate throws (Writes.make)
   */
  removeNodes(run: TeardownRun): Promise<void>
  /**
   * Saves a cluster that answers and is going to end, while it is whole: before any object of the module is deleted.
   * @throws KitError exit 9 when that cannot be: nothing is removed then; exit 3, 6, 9, 130 or 143, see Host.read; what
   *   the gate throws (Writes.make)
   */
  saveCluster(run: TeardownRun): Promise<void>
  /**
   * Uninstalls the module from all its hosts: the cluster ends.
   * @throws KitError exit 6 when it is unknown what is installed on the cluster, exit 9 naming each host that failed;
   *   what the gate throws (Writes.make)
   */
  destroyCluster(run: TeardownRun): Promise<void>
}

export interface TeardownRun {
  readonly hosts: Hosts
  readonly settings: Settings
  readonly until: Until
  /** True under --plan: nothing is done, only recorded. */
  readonly planning: boolean
  /** True when the API server answered, and no other module is installed on the cluster. */
  readonly released: boolean
}
