#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { backendServices, pullProof } from './probes/backend-services.mts'
import { defaultStorageClass } from './checks/addons.mts'
import { everyNodeServes } from './ingress/daemonset-ready.mts'
import { k3s } from './module.mts'
import { policyVerdict } from './probes/policy-verdict.mts'
import { policies } from './probes/policies.mts'
import { everyProbe, ownVolume, probeNamespace, probes, single } from './probes/probe.mts'

export default step(
  import.meta,
  k3s,
  'Make ready for applications',
  async ({ settings, images: { probe }, versions, kube, until }) => {
    const pull = pullProof(settings, versions, probe)
    await kube.apply([
      ...backendServices(settings),
      ...probes(settings, probe),
      ...policies,
      single('guarded', probe),
      single('confined', probe),
      ...pull,
    ])
    await until(everyNodeServes(kube, everyProbe))
    await kube.waitForRollout(probeNamespace, 'guarded', 'confined', ...(pull.length === 0 ? [] : ['pull']))
    if ((await defaultStorageClass(kube)) !== undefined) {
      await kube.apply([single('volume', probe, ownVolume)])
      await kube.waitForRollout(probeNamespace, 'volume')
    }
    await kube.apply([await policyVerdict(kube)])
  },
)
