#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { injector } from './manifests.mts'
import { requireMethodOfPods } from './method-change.mts'
import { vault } from './module.mts'
import { injectorName, injectorNamespace } from './names.mts'

export default step(import.meta, vault, 'Deploy the injector', async ({ settings, images, pulls, kube }) => {
  await requireMethodOfPods(kube, settings)
  await pulls.require()
  await kube.apply(injector(settings, images))
  await kube.waitForRollout(injectorNamespace, injectorName)
})
