#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { k3s } from './module.mts'
import { installMonitoring } from './monitoring/apply.mts'

export default step(
  import.meta,
  k3s,
  'Install the monitoring',
  async ({ settings, images, versions, kube, writes, until }) => {
    await installMonitoring({ settings, images, versions, kube, writes, until })
  },
)
