#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { credentialsStep } from '../../lib/cli/step.mts'
import { keybuzz } from './module.mts'

export default credentialsStep(import.meta, keybuzz, 'Complete the settings of KeyBuzz')
