#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { jobs } from './jobs.mts'
import { prerequisites, workload } from './manifests.mts'
import { chatwoot } from './module.mts'
import { names } from './names.mts'

export default step(
  import.meta,
  chatwoot,
  'Deploy Chatwoot',
  async ({ settings, images, pulls, backends, secrets, kube }) => {
    // All three can fail: they run before anything is written to the cluster.
    await pulls.require()
    await backends.require()
    await secrets.require()
    await kube.apply(prerequisites(settings))
    for (const job of jobs(settings, images)) await kube.ensureJob(job)
    await kube.apply(workload(settings, images))
    await kube.waitForRollout(names.namespace(settings.ENV), 'chatwoot-web', 'chatwoot-worker')
  },
)
