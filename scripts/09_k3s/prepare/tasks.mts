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

export interface Prepared {
  readonly address: string
  readonly role: Member['role']
  readonly said: HostDocument
  readonly members: readonly Member[]
  readonly settings: K3sSettings
}

/** A host that may be written to, what it said of itself, and who did not get through to it. */
export interface FitHost {
  readonly host: Host
  readonly facts: Prepared & { readonly blocked: readonly Blocked[] }
}

/** What the firewalls of one host need; nothing where none is active. Pure. */
export function firewallTasks({ said, members, settings, ...host }: Prepared): Task[] {
  const rules = rulesFor(host, members, settings)
  return [ufwTasks, firewalldTasks, nftablesTasks].flatMap((works) => works(said, rules))
}

/** Every file that preparation may write: preflight looks at them in its own round trip. */
export const preparedFiles = [modulesFile, sysctlFile, paths.resolvConf, firewallScript, firewallUnit]

/** Everything one host needs before K3s comes, in the order it is done. Pure. */
export const tasksFor = (host: Prepared): Task[] => [
  ...moduleWorks(host.said, host.settings),
  ...sysctlWorks(host.said),
  ...resolvConfTasks(host.said),
  ...firewallTasks(host),
]

/** What runs on a host that is not yet as it should be. */
export const pending = (works: readonly Task[]): Task[] => works.filter(({ words }) => words !== undefined)
