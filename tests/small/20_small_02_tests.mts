#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { testsStep } from '../../lib/cli/step.mts'
import { small } from './module.mts'

export default testsStep(import.meta, small, 'Test the small chart', () => import('./checks.mts'))
