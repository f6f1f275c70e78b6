import type { Hosts } from './hosts.mts'
import type { Settings } from '../settings/settings.mts'
import type { Until } from '../base/poll.mts'

/** How a module that works on hosts is removed from them. */
export interface Teardown {
  /** What is lost for good with these hosts, one line each, shown before the confirmation. */
  losses(run: TeardownRun): Promise<readonly string[]>
  /**
   * Removes hosts from the cluster, which continues without them.
   * @throws KitError exit 3 when the cluster would not survive it, exit 5, 6 or 9
   */
  removeNodes(run: TeardownRun): Promise<void>
  /**
   * Uninstalls the module from all its hosts: the cluster ends.
   * @throws KitError exit 6 when it is unknown what is installed on the cluster, exit 9 naming each host that failed
   */
  destroyCluster(run: TeardownRun): Promise<void>
}

export interface TeardownRun {
  readonly hosts: Hosts
  readonly settings: Settings
  readonly until: Until
  /** Nothing is done, only recorded. */
  readonly planning: boolean
  /** The API server answered, and no other module is installed on the cluster. */
  readonly released: boolean
}
