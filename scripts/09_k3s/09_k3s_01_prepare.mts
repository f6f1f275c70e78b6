#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { k3s } from './module.mts'
import { requireRelease } from './nodes/release.mts'
import { tellBalancers } from './preflight/balancers.mts'
import { requireFit } from './preflight/run.mts'
import { requireSameCluster } from './preflight/same-cluster.mts'
import { prepareHosts } from './prepare/run.mts'

export default step(
  import.meta,
  k3s,
  'Prepare the hosts',
  async ({ settings, versions, cluster, hosts, until }) => {
    // What is wrong with the files of this machine is told before a host is asked.
    const program = await requireRelease(versions, settings.ENV, !cluster.known)
    const connected = await hosts()
    const fit = await requireFit(connected, settings, program)
    await requireSameCluster(connected.servers, fit, settings)
    await tellBalancers(fit, settings)
    await prepareHosts(fit, connected, until)
  },
)
