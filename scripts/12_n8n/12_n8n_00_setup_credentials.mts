#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { credentialsStep } from '../../lib/cli/step.mts'
import { n8n } from './module.mts'

export default credentialsStep(import.meta, n8n, 'Complete the settings of n8n')
