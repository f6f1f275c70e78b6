#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { credentialsStep } from '../../lib/cli/step.mts'
import { chatwoot } from './module.mts'

export default credentialsStep(import.meta, chatwoot, 'Complete the settings of Chatwoot')
