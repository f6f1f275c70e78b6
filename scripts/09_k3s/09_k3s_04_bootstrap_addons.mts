#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { requireVersion } from '../../lib/settings/versions.mts'
import { addonsAreSpread, spreadAddons } from './addons/apply.mts'
import { clusterFacts } from './probes/cluster-facts.mts'
import { k3s } from './module.mts'

// K3s installs CoreDNS and metrics-server itself, on one node. They stay its own, on more nodes.
export default step(
  import.meta,
  k3s,
  'Spread DNS and metrics over the nodes',
  async ({ settings, versions, kube, until }) => {
    await kube.apply([clusterFacts(settings, requireVersion(versions, 'k3s').version)])
    await spreadAddons(kube)
    await until(addonsAreSpread(kube))
  },
)
