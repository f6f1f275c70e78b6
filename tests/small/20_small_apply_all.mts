#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { sequence } from '../../lib/cli/step.mts'
import setupCredentials from './20_small_00_setup_credentials.mts'
import install from './20_small_01_install.mts'
import tests from './20_small_02_tests.mts'
import { small } from './module.mts'

export default sequence(import.meta, small, [setupCredentials, install, tests])
