#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { n8n } from './module.mts'

export default step(import.meta, n8n, 'Test n8n', async ({ tests }) => {
  await tests.run(
    () => import('./checks.mts'),
    () => import('./drills.mts'),
  )
})
