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
  async ({ settings, images, pulls, backends, kube }) => {
    // Each of these may refuse, and none has written yet.
    await pulls.require(servicesOf(settings).map(({ image }) => image))
    await backends.require()
    await kube.apply(prerequisites(settings))
    // The image reads the configuration, then migrates the database: the old pods serve meanwhile.
    for (const job of jobs(settings, images)) await kube.ensureJob(job)
    await kube.apply(workload(settings, images))
    await kube.waitForRollout(names.namespace(settings.ENV), 'litellm', checksName)
  },
)
