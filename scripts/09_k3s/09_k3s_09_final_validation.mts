#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { k3s } from './module.mts'

export default step(import.meta, k3s, 'Validate the cluster', async ({ tests, hosts, until }) => {
  await tests.run(
    () => import('./checks.mts'),
    async () => ({ drills: (await import('./drills.mts')).drillsOn(hosts, until) }),
  )
})
