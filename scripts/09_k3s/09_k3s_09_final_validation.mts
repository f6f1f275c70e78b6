#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { testsStep } from '../../lib/cli/step.mts'
import { k3s } from './module.mts'

export default testsStep(
  import.meta,
  k3s,
  'Validate the cluster',
  () => import('./checks.mts'),
  async ({ hosts, until }) => ({ drills: (await import('./drills.mts')).drillsOn(hosts, until) }),
)
