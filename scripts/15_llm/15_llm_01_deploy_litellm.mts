#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { jobs } from './jobs.mts'
import { servicesOf } from './manifests-services.mts'
import { checksName, prerequisites, workload } from './manifests.mts'
import { llm } from './module.mts'
import { names } from './names.mts'

export default step(
  import.meta,
  llm,
  'Deploy LiteLLM',
  async ({ settings, images, pulls, backends, secrets, kube }) => {
    // All three can fail: they run before anything is written to the cluster.
    await pulls.require(servicesOf(settings).map(({ image }) => image))
    await backends.require()
    await secrets.require()
    await kube.apply(prerequisites(settings))
    // The Jobs validate the configuration, then migrate the database, with the new image. The old pods serve meanwhile.
    for (const job of jobs(settings, images)) await kube.ensureJob(job)
    await kube.apply(workload(settings, images))
    await kube.waitForRollout(names.namespace(settings.ENV), 'litellm', checksName)
  },
)
