#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { credentialsStep } from '../../lib/cli/step.mts'
import { small } from './module.mts'

export default credentialsStep(import.meta, small, 'Complete the settings of the small chart')
