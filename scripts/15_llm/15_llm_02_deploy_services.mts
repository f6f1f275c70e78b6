#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { namedBy, isWorkload } from '../../lib/kube/workloads.mts'
import { aiServices } from './manifests-services.mts'
import { llm } from './module.mts'
import { names } from './names.mts'

export default step(
  import.meta,
  llm,
  'Deploy the AI services',
  async ({ settings, images, kube, secrets }) => {
    const objects = aiServices(settings, images)
    if (objects.length === 0) return
    await secrets.require()
    await kube.apply(objects)
    await kube.waitForRollout(names.namespace(settings.ENV), ...objects.filter(isWorkload).map(namedBy))
  },
)
