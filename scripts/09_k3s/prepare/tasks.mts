import type { Host } from '../../../lib/hosts/host.mts'
import type { Member } from '../../../lib/hosts/hosts.mts'
import type { K3sSettings } from '../settings.mts'
import type { HostDocument } from '../host/document.mts'
import type { Blocked } from '../reach/reach.mts'
import { firewalldTasks } from './firewalld.mts'
import { modulesFile, moduleWorks, sysctlFile, sysctlWorks } from './kernel.mts'
import { firewallScript, firewallUnit, nftablesTasks } from './nftables.mts'
import { rulesFor } from '../host/openings.mts'
import { paths } from '../host/paths.mts'
import { resolvConfTasks } from './resolv-conf.mts'
import { ufwTasks } from './ufw.mts'
import type { Task } from './task.mts'

/** What is known of a host that is to be prepared. */
export interface Prepared {
  readonly address: string
  readonly role: Member['role']
  /** The output of preparedScript or preflightScript. */
  readonly said: HostDocument
  /** Every machine of servers.tsv. */
  readonly members: readonly Member[]
  readonly settings: K3sSettings
}

/** A host that passed preflight, what is known of it, and the connections to it that failed. */
export interface FitHost {
  readonly host: Host
  readonly facts: Prepared & { readonly blocked: readonly Blocked[] }
}

/** The changes in the active firewalls of one host; empty where none is active. Pure. */
export function firewallTasks({ said, members, settings, ...host }: Prepared): Task[] {
  const rules = rulesFor(host, members, settings)
  return [ufwTasks, firewalldTasks, nftablesTasks].flatMap((works) => works(said, rules))
}

/** Every file that preparation may write: preflight reads their state in its own round trip. */
export const preparedFiles = [modulesFile, sysctlFile, paths.resolvConf, firewallScript, firewallUnit]

/** Everything one host needs before K3s is installed, in the order it is done. Pure. */
export const tasksFor = (host: Prepared): Task[] => [
  ...moduleWorks(host.said, host.settings),
  ...sysctlWorks(host.said),
  ...resolvConfTasks(host.said),
  ...firewallTasks(host),
]

/** The tasks with a command to run: a host without any is already in the wanted state. Pure. */
export const pending = (works: readonly Task[]): Task[] => works.filter(({ words }) => words !== undefined)
