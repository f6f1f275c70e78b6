#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { k3s } from './module.mts'
import { ensureWorkers } from './nodes/workers.mts'

export default step(import.meta, k3s, 'Join the workers', async ({ settings, versions, hosts, until }) => {
  await ensureWorkers({ ...(await hosts()), settings, versions, until })
})
