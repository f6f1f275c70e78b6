#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { k3s } from './module.mts'
import { requireChart } from './monitoring/chart.mts'
import { requireReleaseOfServers } from './nodes/one-release.mts'
import { provideRelease } from './nodes/provide-release.mts'
import { tellBalancers } from './preflight/balancers.mts'
import { requireFit } from './preflight/run.mts'
import { requireSameCluster } from './preflight/same-cluster.mts'
import { prepareHosts } from './prepare/run.mts'

export default step(
  import.meta,
  k3s,
  'Prepare the hosts',
  async ({ settings, versions, writes, cluster, hosts, until }) => {
    if (settings.MONITORING) await requireChart(versions)
    // The files of K3s are downloaded and checked before a host is read.
    const program = await provideRelease({ versions, settings, writes, isNew: !cluster.known })
    const connected = await hosts()
    // With a master in --limit, step 02 compares all of them.
    if (connected.masters.length === 0)
      await requireReleaseOfServers(connected.servers, { versions, env: settings.ENV })
    const fit = await requireFit(connected, settings, program)
    await requireSameCluster(connected.servers, fit, settings)
    await tellBalancers(fit, settings)
    await prepareHosts(fit, connected, until)
  },
)
