#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { testsStep } from '../../lib/cli/step.mts'
import { n8n } from './module.mts'

export default testsStep(
  import.meta,
  n8n,
  'Test n8n',
  () => import('./checks.mts'),
  () => import('./drills.mts'),
)
