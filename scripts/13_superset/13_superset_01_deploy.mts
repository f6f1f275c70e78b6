#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { migrateJob, preflightJob } from './jobs.mts'
import { prerequisites, workload } from './manifests.mts'
import { superset } from './module.mts'
import { deploymentOf, names } from './names.mts'
import { stoppedWhileMigrating } from './upgrade.mts'

export default step(
  import.meta,
  superset,
  'Deploy Superset',
  async ({ settings, images, pulls, backends, secrets, kube }) => {
    const namespace = names.namespace(settings.ENV)
    // All three can fail: they run before anything is written to the cluster.
    await pulls.require()
    await backends.require()
    await secrets.require()
    const web = await kube.get('deployments.apps', deploymentOf('web'), namespace)
    await kube.apply(prerequisites(settings))
    await kube.ensureJob(preflightJob(settings, images))
    await kube.ensureJob(migrateJob(settings, images), stoppedWhileMigrating(web, images.superset))
    await kube.apply(workload(settings, images))
    await kube.waitForRollout(namespace, ...(['web', 'worker', 'beat'] as const).map(deploymentOf))
  },
)
