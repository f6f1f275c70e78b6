#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { defaultStorageClass } from './checks/addons.mts'
import { everyNodeServes, runsEverywhere } from './ingress/daemonset-ready.mts'
import { k3s } from './module.mts'
import { withoutMonitoring } from './monitoring/names.mts'
import { heldImage } from './nodes/held-image.mts'
import { coreObjects } from './probes/core-objects.mts'
import { guard } from './probes/guard.mts'
import { verdictObject } from './probes/policies.mts'
import { policyVerdict, recordedVerdict } from './probes/policy-verdict.mts'
import { everyProbe, ownVolume, probeNamespace, single, singlesIn } from './probes/probe.mts'

export default step(
  import.meta,
  k3s,
  'Make ready for applications',
  async ({ settings, images, useImage, versions, hosts, kube, cluster, until }) => {
    const { servers, workers, members } = await hosts()
    const isKnown = await runsEverywhere(kube, everyProbe, images.probe, members.length)
    const probe = isKnown ? images.probe : await heldImage([...servers, ...workers], images.probe)
    useImage('probe', probe)
    const objects = coreObjects(settings, { probe }, withoutMonitoring(versions))
    await kube.apply(objects)
    await until(everyNodeServes(kube, everyProbe))
    await kube.waitForRollout(probeNamespace, ...singlesIn(objects))
    // What follows depends on the state of the cluster.
    if ((await defaultStorageClass(kube)) !== undefined) {
      await kube.apply([single('volume', probe, ownVolume)])
      await kube.waitForRollout(probeNamespace, 'volume')
    }
    // There may be new nodes since the last run: their API servers must be allowed before the probes get requests.
    const recorded = await recordedVerdict(kube)
    const isGuarded = recorded?.enforced === true
    if (isGuarded) await kube.apply([await guard(kube, settings)])
    // The validation at the end of this run tries them too, and fails where they are not enforced any more.
    const verdict = isGuarded && cluster.isProven() ? recorded : await policyVerdict(kube, recorded)
    await kube.apply([
      verdictObject(verdict),
      ...(verdict.enforced && !isGuarded ? [await guard(kube, settings)] : []),
    ])
  },
)
