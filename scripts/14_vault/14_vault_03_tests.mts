#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { testsStep } from '../../lib/cli/step.mts'
import { vault } from './module.mts'

export default testsStep(
  import.meta,
  vault,
  'Test Vault Agent injection',
  () => import('./checks.mts'),
  () => import('./drills.mts'),
)
