#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { k3s } from './module.mts'

export default step(import.meta, k3s, 'Complete the settings of the platform', async ({ credentials }) => {
  await credentials.ensure()
})
