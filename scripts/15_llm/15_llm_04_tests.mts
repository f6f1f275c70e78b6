#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { testsStep } from '../../lib/cli/step.mts'
import { llm } from './module.mts'

export default testsStep(
  import.meta,
  llm,
  'Test LiteLLM and the AI services',
  () => import('./checks.mts'),
  () => import('./drills.mts'),
)
