#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { k3s } from './module.mts'
import { tellBalancers } from './preflight/balancers.mts'
import { requireFit } from './preflight/run.mts'
import { prepareHosts } from './prepare/run.mts'

export default step(import.meta, k3s, 'Prepare the hosts', async ({ settings, hosts, until }) => {
  const connected = await hosts()
  const fit = await requireFit(connected, settings)
  await tellBalancers(fit, settings)
  await prepareHosts(fit, connected, until)
})
