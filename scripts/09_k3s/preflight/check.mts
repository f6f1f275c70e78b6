import { failed, passed, warning, type Answer } from '../../../lib/checks/checks.mts'
import type { Member } from '../../../lib/hosts/hosts.mts'
import type { K3sSettings } from '../settings.mts'
import type { HostDocument } from '../host/document.mts'
import type { Blocked } from '../reach/reach.mts'
import type { OpenPort } from '../reach/public.mts'

/** One question about one host, answered from its document alone. */
export interface HostCheck {
  readonly id: string
  /** A statement that is true when it passes: `Memory is enough`. */
  readonly title: string
  readonly fix: string
  /** False: no reason makes it harmless, and WAIVED does not let it pass. */
  readonly waivable: boolean
  /** Only K3s that is to come needs it: on a node of ours, which runs already, a failure is told as a warning. */
  readonly onlyBare?: boolean
  readonly ask: (host: HostFacts) => Answer
}

/** A host, and the others it must get along with. */
export interface HostFacts {
  readonly name: string
  readonly role: 'master' | 'worker'
  readonly address: string
  readonly said: HostDocument
  readonly others: readonly Pick<HostFacts, 'name' | 'address' | 'said'>[]
  readonly settings: K3sSettings
  /** Milliseconds its clock is ahead of the middle of all clocks. */
  readonly clockOffset: number
  /** Every machine of servers.tsv, this one too. */
  readonly members: readonly Member[]
  /** Who probed which of its ports in vain. */
  readonly blocked: readonly Blocked[]
  /** The processor the program of K3s is made for, as `uname -m` names it. */
  readonly program: string
  /** TCP ports of K3s that answered this machine at its public addresses. */
  readonly publicPorts: readonly OpenPort[]
}

/** Wrong is a failure. */
export const must = (right: boolean, seen: string): Answer => (right ? passed(seen) : failed(seen))

/** Wrong is a warning: it works, and somebody should know. */
export const should = (right: boolean, seen: string): Answer => (right ? passed(seen) : warning(seen))

/** How to install a package, in the words of both families of systems. */
export const installing = (debian: string, rhel = debian): string =>
  `apt-get install ${debian}, or dnf install ${rhel}`

/** KiB as people read them. */
export const mib = (kib: number): string => `${Math.round(kib / 1024)} MiB`
