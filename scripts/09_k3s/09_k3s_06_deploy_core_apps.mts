#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { defaultStorageClass } from './checks/addons.mts'
import { everyNodeServes } from './ingress/daemonset-ready.mts'
import { k3s } from './module.mts'
import { coreObjects } from './probes/core-objects.mts'
import { policyVerdict } from './probes/policy-verdict.mts'
import { everyProbe, ownVolume, probeNamespace, single, singlesIn } from './probes/probe.mts'

export default step(
  import.meta,
  k3s,
  'Make ready for applications',
  async ({ settings, images, versions, kube, until }) => {
    const objects = coreObjects(settings, images, versions)
    await kube.apply(objects)
    await until(everyNodeServes(kube, everyProbe))
    await kube.waitForRollout(probeNamespace, ...singlesIn(objects))
    // What follows depends on what the cluster answers.
    if ((await defaultStorageClass(kube)) !== undefined) {
      await kube.apply([single('volume', images.probe, ownVolume)])
      await kube.waitForRollout(probeNamespace, 'volume')
    }
    await kube.apply([await policyVerdict(kube)])
  },
)
