#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { credentialsStep } from '../../lib/cli/step.mts'
import { k3s } from './module.mts'

export default credentialsStep(import.meta, k3s, 'Complete the settings of the platform')
