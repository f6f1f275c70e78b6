#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { configuration, prerequisites, workload } from './manifests.mts'
import { migrations } from './migration.mts'
import { keybuzz } from './module.mts'
import { nameOf, names } from './names.mts'

export default step(
  import.meta,
  keybuzz,
  'Deploy the API',
  async ({ settings, images, pulls, backends, secrets, kube }) => {
    // Both images are checked before the first write: an API without its front is half an installation.
    await pulls.require()
    await backends.require()
    await secrets.require()
    await kube.apply([...prerequisites(settings), ...configuration(settings, 'api')])
    for (const job of migrations(settings, images)) await kube.ensureJob(job)
    await kube.apply(workload(settings, images, 'api'))
    await kube.waitForRollout(names.namespace(settings.ENV), nameOf('api'))
  },
)
