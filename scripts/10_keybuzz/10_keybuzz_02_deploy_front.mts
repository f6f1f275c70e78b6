#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { configuration, workload } from './manifests.mts'
import { nameOf } from './names.mts'
import { keybuzz } from './module.mts'
import { names } from './names.mts'

export default step(
  import.meta,
  keybuzz,
  'Deploy the front',
  async ({ settings, images, pulls, kube, secrets }) => {
    await pulls.require()
    await secrets.require()
    await kube.apply([...configuration(settings, 'front'), ...workload(settings, images, 'front')])
    await kube.waitForRollout(names.namespace(settings.ENV), nameOf('front'))
  },
)
