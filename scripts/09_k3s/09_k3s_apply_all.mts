#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { sequence } from '../../lib/step.mts'
import setupCredentials from './09_k3s_00_setup_credentials.mts'
import finalValidation from './09_k3s_09_final_validation.mts'
import { k3s } from './module.mts'

export default sequence(import.meta, k3s, [setupCredentials, finalValidation])
