import type { HostCheck } from './check.mts'
import { disks } from './checks-disks.mts'
import { firewall } from './checks-firewall.mts'
import { foreigners } from './checks-foreign.mts'
import { kernel } from './checks-kernel.mts'
import { machine } from './checks-machine.mts'
import { names } from './checks-names.mts'
import { network } from './checks-network.mts'
import { ports } from './checks-ports.mts'
import { surroundings } from './checks-surroundings.mts'

/** Every check of a host, run before it is changed. */
export const hostChecks: readonly HostCheck[] = [
  ...machine,
  ...disks,
  ...kernel,
  ...names,
  ...network,
  ...ports,
  ...firewall,
  ...foreigners,
  ...surroundings,
]
