import { failed, passed, warning, type Answer } from '../../../lib/checks/checks.mts'
import type { Member } from '../../../lib/hosts/hosts.mts'
import type { K3sSettings } from '../settings.mts'
import type { HostDocument } from '../host/document.mts'
import type { Blocked } from '../reach/reach.mts'
import type { OpenPort } from '../reach/public.mts'

/** One check of one host, which reads HostFacts only. */
export interface HostCheck {
  readonly id: string
  /** A statement that is true when it passes: `Memory is enough`. */
  readonly title: string
  readonly fix: string
  /** False when a failure is never harmless: WAIVED must not name it. */
  readonly waivable: boolean
  /** True when only a new installation needs it: on a host that is already a node of the kit, failed is a warning. */
  readonly onlyBare?: boolean
  readonly ask: (host: HostFacts) => Answer
}

/** What is known of a host, and of the other hosts of this run it is compared with. */
export interface HostFacts {
  readonly name: string
  readonly role: 'master' | 'worker'
  readonly address: string
  /** The output of preflightScript. */
  readonly said: HostDocument
  readonly others: readonly Pick<HostFacts, 'name' | 'address' | 'said'>[]
  readonly settings: K3sSettings
  /** Milliseconds its clock is ahead of the median of all clocks, less the uncertainty of the measurement. */
  readonly clockOffset: number
  /** Every machine of servers.tsv, this one too. */
  readonly members: readonly Member[]
  /** Connections to it that failed, and those from it to masters this run does not work on. */
  readonly blocked: readonly Blocked[]
  /** The processor the K3s binary is built for, as `uname -m` prints it. */
  readonly program: string
  /** TCP ports of K3s that are open to this machine at public addresses of the host. */
  readonly publicPorts: readonly OpenPort[]
}

/** A passed answer when `right`, else a failed one. Pure. */
export const must = (right: boolean, seen: string): Answer => (right ? passed(seen) : failed(seen))

/** A passed answer when `right`, else a warning: K3s works, but an operator should know. Pure. */
export const should = (right: boolean, seen: string): Answer => (right ? passed(seen) : warning(seen))

/** The commands that install a package, for both families of systems. Pure. */
export const installing = (debian: string, rhel = debian): string =>
  `apt-get install ${debian}, or dnf install ${rhel}`

/** A size given in KiB, as text in MiB. Pure. */
export const mib = (kib: number): string => `${Math.round(kib / 1024)} MiB`
