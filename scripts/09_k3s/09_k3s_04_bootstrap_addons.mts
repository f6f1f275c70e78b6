#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { requireVersion } from '../../lib/settings/versions.mts'
import { clusterFacts } from './probes/cluster-facts.mts'
import { k3s } from './module.mts'

// K3s brings these itself; they are kept as they are, and waited for.
export default step(import.meta, k3s, 'Wait for the addons of K3s', async ({ settings, versions, kube }) => {
  await kube.apply([clusterFacts(settings, requireVersion(versions, 'k3s').version)])
  await kube.waitForRollout('kube-system', 'coredns', 'metrics-server')
})
