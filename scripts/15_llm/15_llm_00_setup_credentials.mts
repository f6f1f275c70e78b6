#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { credentialsStep } from '../../lib/cli/step.mts'
import { llm } from './module.mts'

export default credentialsStep(import.meta, llm, 'Complete the settings of LiteLLM and the AI services')
