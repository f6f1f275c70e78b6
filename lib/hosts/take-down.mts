import type { Hosts } from './hosts.mts'
import type { Settings } from '../settings/settings.mts'
import type { Until } from '../base/poll.mts'

/** What a module that works on machines says of taking it off them again. */
export interface Teardown {
  /** What is lost with these hosts for good, one line each, to be read before a name is typed. */
  losses(run: TeardownRun): Promise<readonly string[]>
  /**
   * Takes hosts out of the cluster, which goes on without them.
   * @throws KitError exit 3 when the cluster would not survive it, exit 5, 6 or 9
   */
  removeNodes(run: TeardownRun): Promise<void>
  /**
   * Takes the module off all its hosts: the cluster ends.
   * @throws KitError exit 6 when nobody can tell what stands on the cluster, exit 9 naming each host that failed
   */
  destroyCluster(run: TeardownRun): Promise<void>
}

export interface TeardownRun {
  readonly hosts: Hosts
  readonly settings: Settings
  readonly until: Until
  /** Nothing is done, only recorded. */
  readonly planning: boolean
  /** Its API answered, and nothing stands on the cluster that needs it. */
  readonly released: boolean
}
